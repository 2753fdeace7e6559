// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { InfluxLab } from '../helpers/influx-lab.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';

const lab = new InfluxLab();

beforeAll(() => lab.start());

afterAll(() => lab.remove());

it('InfluxDB answers, and has the databases and measurements that were put back', async () => {
  const at = (name: string) => join(lab.work, name);
  for (const name of ['stage', 'copy', 'scratch', 'kept']) mkdirSync(at(name), { recursive: true });
  lab.ask('CREATE DATABASE shop');
  await lab.write('shop', ['cpu value=1 1000000000', 'disk value=2 1000000000']);
  const options = { host: lab.host, api: lab.api };
  await influxdb.run(pluginContext(influxdb, { options, stage: at('stage') }));
  execFileSync('cp', ['-a', `${at('stage')}/.`, at('copy')]);
  const context = restoreContext(influxdb, { options, copy: at('copy'), scratch: at('scratch'), kept: at('kept') });
  await applyRestore(influxdb, context);
  const verify = async () => (await influxdb.restore?.verify?.(context)) ?? [];
  const name = 'databases: shop';
  // Points are the service's by now: they are not counted again.
  const asked: string[] = [];
  const exec: Run = (program, args, more) => {
    asked.push(args.join(' '));
    return context.exec(program, args, more);
  };
  const found = await influxdb.restore?.verify?.({ ...context, exec });
  expect(found).toEqual([{ name, status: 'ok', message: '2 of 2 measurements are there' }]);
  expect(asked.join('\n')).toMatch(/SHOW MEASUREMENTS/);
  expect(asked.join('\n')).not.toMatch(/COUNT/);
  lab.ask('DROP MEASUREMENT cpu', 'shop');
  expect(await verify()).toMatchObject([{ status: 'skipped', message: expect.stringMatching(/^1 of 2 measurements/) }]);
  // Of before they were written down.
  rmSync(join(at('copy'), 'influxdb_backup/saved.json'));
  expect(await verify()).toEqual([{ name, status: 'ok', message: 'it is there' }]);
  lab.ask('DROP DATABASE shop');
  expect(await verify()).toEqual([{ name, status: 'failed', message: 'it is not there' }]);
});
