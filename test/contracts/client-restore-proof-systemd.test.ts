// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemd } from '../../packages/client/src/plugins/systemd/index.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { createSystemctlStandIn } from '../helpers/systemctl-stand-in.ts';

const PATH = process.env.PATH ?? '';
const OPTIONS = { units: ['db.service', 'job.service'] };

let root: string;
let units: ReturnType<typeof createSystemctlStandIn>;

beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'systemd-'));
  for (const name of ['stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name));
  units = createSystemctlStandIn(root);
  process.env.PATH = `${units.bin}:${PATH}`;
  units.addUnit('db.service', { active: 'active' });
  units.addUnit('job.service', { active: 'activating', type: 'oneshot' });
  await systemd.run(pluginContext(systemd, { options: OPTIONS, stage: join(root, 'stage') }));
  execFileSync('cp', ['-a', `${join(root, 'stage')}/.`, join(root, 'copy')]);
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(root, { recursive: true, force: true });
});

type Unit = ReturnType<typeof units.read>['units'][string];

const set = (change: Partial<Unit>) =>
  units.change((state) => {
    state.units['db.service'] = { ...(state.units['db.service'] ?? { active: 'active' }), ...change };
  });

async function restored() {
  const directories = { copy: join(root, 'copy'), scratch: join(root, 'scratch'), kept: join(root, 'kept') };
  const context = restoreContext(systemd, { options: OPTIONS, ...directories });
  await applyRestore(systemd, context);
  const verify = async () => (await systemd.restore?.verify?.(context)) ?? [];
  return { verify };
}

const microseconds = () => Number(process.hrtime.bigint() / 1000n);

describe('units that run again', () => {
  it('are active, or a job', async () => {
    const { verify } = await restored();
    expect(await verify()).toEqual([
      { name: 'db.service', status: 'ok', message: 'active' },
      { name: 'job.service', status: 'ok', message: 'inactive' },
    ]);
  });

  it('are waited for where systemd is about to start them again, or they have just been started', async () => {
    const { verify } = await restored();
    set({ active: 'activating', sub: 'auto-restart' });
    const looking = verify();
    const calls = () => units.calls().length;
    const before = calls();
    await expect.poll(calls, { timeout: 60_000 }).toBeGreaterThan(before + 1);
    set({ active: 'active', sub: 'running', activeSince: microseconds() - 4_500_000 });
    expect((await looking)[0]).toMatchObject({ status: 'ok' });
    expect(microseconds()).toBeGreaterThan((units.read().units['db.service']?.activeSince ?? 0) + 5_000_000);
  });

  it.each(['failed', 'inactive'] as const)('are not what was put back where one is %s', async (active) => {
    const { verify } = await restored();
    set({ active });
    const message = `it is ${active}. See: systemctl status db.service`;
    expect((await verify())[0]).toEqual({ name: 'db.service', status: 'failed', message });
  });

  it('may be inactive where something starts them when they are needed', async () => {
    const { verify } = await restored();
    set({ active: 'inactive', triggeredBy: ['db.socket'] });
    expect((await verify())[0]).toMatchObject({ status: 'ok', message: 'inactive' });
  });

  it.each([
    ['are about to be', () => set({ active: 'activating', sub: 'auto-restart' })],
    ['have just been', () => set({ restarts: 7, activeSince: microseconds() + 60_000_000 })],
    [
      'need them, and have just been',
      () => {
        set({ requiredBy: ['app.service'] });
        units.addUnit('app.service', { active: 'activating', sub: 'auto-restart' });
      },
      'app.service',
    ],
  ])(
    'do not speak against the copy where they %s restarted again and again before',
    async (_, before, name = 'db.service') => {
      before();
      // What is of the type `notify` does not even start.
      units.fault(`start ${name}`, 'fail', 2);
      const { verify } = await restored();
      units.change((state) => {
        const unit = state.units[name];
        if (unit !== undefined) Object.assign(unit, { active: 'failed', sub: 'failed' });
      });
      const found = (await verify()).find((check) => check.name === name);
      expect(found).toMatchObject({ status: 'skipped', message: expect.stringContaining('before, too') });
    },
  );

  it('are told as not looked at where none ran', async () => {
    set({ active: 'inactive' });
    units.change((state) => {
      state.units['job.service'] = { active: 'inactive', type: 'oneshot' };
    });
    const { verify } = await restored();
    expect(await verify()).toMatchObject([{ status: 'skipped' }]);
  });
});
