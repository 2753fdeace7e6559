// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sqlite } from '../../packages/client/src/plugins/sqlite/index.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { makeShop, openWriter, sql } from '../helpers/sqlite-lab.ts';

let root: string;
let file: string;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'sqlite-'));
  file = join(root, 'host', 'app.db');
  makeShop(file);
  for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  await sqlite.run(pluginContext(sqlite, { options: { paths: [file] }, stage: join(root, 'stage') }));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const contextOf = () =>
  restoreContext(sqlite, {
    ...{ options: { paths: [file] }, copy: join(root, 'stage'), scratch: join(root, 'scratch') },
    kept: join(root, 'kept'),
  });

async function restored() {
  const context = contextOf();
  await applyRestore(sqlite, context);
  return async () => (await sqlite.restore?.verify?.(context)) ?? [];
}

const PAGE = 4096;

describe('a SQLite database that was put back', () => {
  it('is read whole in place, and nothing is left beside it', async () => {
    const verify = await restored();
    sql(file, 'DELETE FROM orders;');
    expect(await verify()).toEqual([{ name: file, status: 'ok', message: 'whole' }]);
    expect(readdirSync(dirname(file))).toEqual(['app.db']);
  });

  it('is missing, no database any more, or damaged', async () => {
    const verify = await restored();
    sql(file, `CREATE TABLE big(x); INSERT INTO big VALUES (zeroblob(${8 * PAGE}));`);
    truncateSync(file, 3 * PAGE);
    expect(await verify()).toMatchObject([{ status: 'failed' }]);
    copyFileSync('/etc/passwd', file);
    expect(await verify()).toMatchObject([{ status: 'failed' }]);
    rmSync(file);
    expect(await verify()).toEqual([{ name: file, status: 'failed', message: 'it is not there' }]);
  });

  it('is not read while a program has it open', async () => {
    const verify = await restored();
    const end = await openWriter(file, "PRAGMA journal_mode=wal; INSERT INTO orders VALUES (3, 'new');");
    const [found] = await verify();
    await end();
    expect(found).toMatchObject({ status: 'ok', message: expect.stringMatching(/was whole before it was opened by/) });
  });

  it('is not accepted where it does not load, though its size is right', async () => {
    const saved = join(root, 'stage/sqlite/files', file);
    sql(saved, 'DELETE FROM orders WHERE id = 2;');
    await expect(sqlite.restore?.apply(contextOf())).rejects.toThrow(/app\.db is not what was saved: orders: 1 rows/);
  });
});
