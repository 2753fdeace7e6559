// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { SHOP } from '../helpers/mariadb-shop.ts';

const lab = createMariadbLab(mariadb);
const OPTIONS = { database: 'shop' };
const KILLED = 'killed here';

/** What goes on when this program alone is killed: the client that loads, with more to come. */
let left: ChildProcess | undefined;

/**
 * The client that loads gets half of what it is to load, and this program is gone.
 * @param hide in an environment and a process table of its own, as in a container: its arguments are not seen here
 */
const leavingLoader = (hide: boolean): Run => {
  const run = createRun({ scrub: (text) => text });
  return async (program, args, options) => {
    const statement = args.find((word) => word.startsWith('--init-command='))?.slice('--init-command='.length);
    if (statement === undefined || left !== undefined) return run(program, args, options);
    const shown = hide ? args.filter((word) => !word.startsWith('--init-command=')) : args;
    left = spawn(program, [...shown, '--unbuffered'], { stdio: ['pipe', 'ignore', 'ignore'] });
    const [half = ''] = readFileSync(lab.path('stage/databases/shop.sql'), 'utf8').split(
      '-- Table structure for table `orders`',
    );
    left.stdin?.write(`${hide ? `${statement};\n` : ''}${half}\nCREATE TABLE reached (a INT);\n`);
    const end = Date.now() + 60_000;
    while (!lab.server.sql('SHOW TABLES', 'shop').includes('reached')) {
      if (Date.now() > end) throw new Error('The client has not loaded.');
      await delay(20);
    }
    throw new Error(KILLED);
  };
};

const revert = (context: RestoreContext) =>
  mariadb.restore?.revert(lab.restoring(OPTIONS, { memo: JSON.parse(JSON.stringify(context.remembered())) }));

it.each([
  ['a client', false],
  ['the connection of one that cannot be seen', true],
])('%s that a killed restore has left loading is ended before the old state is put back', async (_, hide) => {
  left = undefined;
  lab.create('shop', SHOP);
  await lab.save(OPTIONS);
  lab.server.sql('DELETE FROM orders', 'shop');
  const before = lab.state();
  const context = lab.restoring(OPTIONS, { exec: leavingLoader(hide) });
  await expect(mariadb.restore?.apply(context)).rejects.toThrow(KILLED);
  if (left === undefined) throw new Error('Nothing was loaded.');
  const loader: ChildProcess = left;
  expect(loader.exitCode).toBeNull();
  const ended = once(loader, 'exit');
  loader.stdin?.on('error', () => undefined);
  await revert(context);
  expect(lab.state()).toEqual(before);
  // It would go on with this, if it could.
  loader.stdin?.end('DROP TABLE customers;\n');
  const [code, signal] = await ended;
  expect(hide ? code : signal).toBe(hide ? 1 : 'SIGKILL');
  expect(lab.state()).toEqual(before);
  await revert(context);
  expect(lab.state()).toEqual(before);
});
