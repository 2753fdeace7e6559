// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { systemd } from '../../packages/client/src/plugins/systemd/index.ts';
import { parseService } from '../../packages/client/src/service.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { createSystemctlStandIn } from '../helpers/systemctl-stand-in.ts';
import { pluginContract } from './plugin.ts';

const PATH = process.env.PATH ?? '';

afterEach(() => {
  process.env.PATH = PATH;
});

function standIn(directory: string) {
  const units = createSystemctlStandIn(directory);
  process.env.PATH = `${units.bin}:${PATH}`;
  return units;
}

const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

pluginContract(systemd, (directory) => {
  const units = standIn(directory);
  units.addUnit('shop.service', { active: 'active', enabled: true });
  units.addUnit('idle.service', { active: 'inactive' });
  const file = units.fileOf('shop.service');
  return {
    options: { units: ['shop.service', 'idle.service'] },
    stateOfHost: () => ({
      states: units.states(),
      file: textOf(file),
      enabled: units.read().units['shop.service']?.enabled,
    }),
    destroy: () => {
      rmSync(file);
      units.change((state) => {
        Object.assign(state.units['shop.service'] ?? {}, { active: 'inactive', enabled: false, isRead: false });
      });
    },
    damage: (copy) => writeFileSync(join(copy, 'systemd', file), 'no unit\n'),
  };
});

describe('plugin systemd', () => {
  let root: string;
  let units: ReturnType<typeof standIn>;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'systemd-'));
    for (const name of ['stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name));
    units = standIn(root);
    units.addUnit('shop.service', { active: 'active', triggeredBy: ['shop.timer'], requiredBy: ['front.service'] });
    units.addUnit('shop.timer', { active: 'active' });
    units.addUnit('front.service', { active: 'active' });
    units.addUnit('db.service', { active: 'active' });
    units.addUnit('idle.service', { active: 'inactive' });
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const contextOf = (options: object, memo?: Memo) =>
    pluginContext(systemd, { options, stage: join(root, 'stage'), ...(memo === undefined ? {} : { memo }) });
  const LISTED = { units: ['shop.service', 'db.service', 'idle.service'] };

  it('stops in the listed order, what would start it again first, and starts in the opposite order only what ran', async () => {
    const before = units.states();
    const context = contextOf(LISTED);
    expect(await systemd.validate?.(context)).toEqual([
      expect.stringContaining('shop.timer would start a listed unit again'),
      expect.stringContaining('front.service needs a listed unit'),
    ]);
    await systemd.prepare?.(context);
    expect(units.acts()).toEqual(['stop shop.timer', 'stop shop.service', 'stop db.service']);
    expect(units.states()).toMatchObject({ 'front.service': 'inactive', 'shop.timer': 'inactive' });
    await systemd.post?.(context);
    expect(units.acts().slice(3)).toEqual([
      'start db.service',
      'start shop.service',
      'start shop.timer',
      'start front.service',
    ]);
    expect(units.states()).toEqual(before);
  });

  it('knows what to start again when it was killed between two stops', async () => {
    const before = units.states();
    units.fault('stop db.service', 'fail');
    const killed = contextOf(LISTED);
    await expect(systemd.prepare?.(killed)).rejects.toThrow('Job for db.service failed');
    await systemd.post?.(contextOf(LISTED, killed.remembered()));
    expect(units.states()).toEqual(before);
  });

  it('starts what systemd has yet to stop: systemctl was killed, the job is in the queue', async () => {
    const before = units.states();
    units.fault('stop db.service', 'queue');
    const killed = contextOf(LISTED);
    await expect(systemd.prepare?.(killed)).rejects.toThrow('killed');
    await systemd.post?.(contextOf(LISTED, killed.remembered()));
    execFileSync('systemctl', ['is-active', '--', 'shop.service']);
    expect(units.states()).toEqual(before);
  });

  it.each([
    ['deactivating', 'active', ['stop a.service', 'start a.service']],
    ['inactive', 'active', ['stop a.service', 'start a.service']],
    ['deactivating', 'inactive', []],
  ] as const)('waits for a unit that is %s until it is %s', async (active, becomes, acts) => {
    units.addUnit('a.service', { active, becomes });
    const context = contextOf({ units: ['a.service'] });
    await systemd.prepare?.(context);
    await systemd.post?.(context);
    expect(units.acts()).toEqual(acts);
    expect(units.states()['a.service']).toBe(becomes);
  });

  it.each(['failed', 'inactive'] as const)('a unit that was %s before is left alone', async (active) => {
    units.addUnit('a.service', { active });
    const context = contextOf({ units: ['a.service', 'db.service'] });
    await systemd.prepare?.(context);
    await systemd.post?.(context);
    expect(units.states()['a.service']).toBe(active);
  });

  it('starts again what only has to run beside it (Requisite)', async () => {
    units.addUnit('side.service', { active: 'active' });
    units.addUnit('a.service', { active: 'active', requisiteOf: ['side.service'] });
    const context = contextOf({ units: ['a.service'] });
    await systemd.prepare?.(context);
    expect(units.states()['side.service']).toBe('inactive');
    await systemd.post?.(context);
    expect(units.states()['side.service']).toBe('active');
  });

  it('alone, without unit files, saves nothing and is refused', () => {
    const parse = (more: string) =>
      parseService(`service: {name: x}\nsystemd: {units: [a.service]${more}}\n`, '/s/t/x/service.yaml', [systemd]);
    expect(() => parse(', save_units: false')).toThrow('so nothing would be saved');
    expect(parse('').tasks).toHaveLength(1);
  });

  it('says what systemd says when a unit does not start, starts the others, and can do better later', async () => {
    const context = contextOf(LISTED);
    await systemd.prepare?.(context);
    units.fault('start db.service', 'fail', 2);
    await expect(systemd.post?.(context)).rejects.toThrow(
      /NOT RUNNING: db\.service\.(.|\n)*Job for db\.service failed(.|\n)*cannot bind to port 80(.|\n)*systemctl start db\.service$/,
    );
    expect(units.states()).toMatchObject({ 'shop.service': 'active', 'db.service': 'inactive' });
    await systemd.post?.(context);
    expect(units.states()).toMatchObject({ 'db.service': 'active' });
  });

  it('tries a start a second time, and does not take a lie for a start', async () => {
    const context = contextOf({ units: ['db.service'] });
    await systemd.prepare?.(context);
    units.fault('start db.service', 'lie');
    await expect(systemd.post?.(context)).rejects.toThrow('db.service was started and is not active');
    units.fault('start db.service', 'fail');
    await systemd.post?.(context);
    expect(units.states()['db.service']).toBe('active');
  });

  it('a job that ends by itself is no failure', async () => {
    units.addUnit('job.service', { active: 'activating', type: 'oneshot' });
    const context = contextOf({ units: ['job.service'] });
    await systemd.prepare?.(context);
    await systemd.post?.(context);
    expect(units.acts()).toEqual(['stop job.service', 'start job.service']);
  });

  it('a unit that does not stop in time is a failure that names the option', async () => {
    units.fault('stop db.service', 'hang');
    const prepare = systemd.prepare?.(contextOf({ units: ['db.service'], stop_timeout: '1s' }));
    await expect(prepare).rejects.toThrow('`stop_timeout` of the task');
  });

  it('refuses what must not be stopped, is missing or masked, all at once', async () => {
    for (const name of ['ssh.service', 'dbus.socket', 'systemd-logind.service', 'local-backup.timer'])
      units.addUnit(name, { active: 'active' });
    units.addUnit('away.service', { active: 'inactive', masked: true });
    units.addUnit('alias.service', { active: 'active', alias: 'sshd.service' });
    const listed = ['ssh.service', 'dbus.socket', 'systemd-logind.service', 'local-backup.timer'];
    const options = { units: [...listed, 'alias.service', 'away.service', 'gone.service'] };
    const error = await systemd.validate?.(contextOf(options)).catch((reason: unknown) => String(reason));
    for (const name of [...listed, 'alias.service']) expect(error).toContain(`${name} must not be stopped`);
    expect(error).toContain('away.service is masked');
    expect(error).toContain('There is no unit gone.service');
  });

  it.each(['-x.service', 'a b.service', 'shop', 'a.service\n', '*.service', 'a/b.service', 'x.mount'])(
    'refuses the name %j',
    (name) => {
      expect(systemd.options.safeParse({ units: [name] }).success).toBe(false);
    },
  );

  it('says so where systemd does not answer', async () => {
    units.fault('show', 'fail');
    await expect(systemd.validate?.(contextOf(LISTED))).rejects.toMatchObject({
      code: 'config',
      message: expect.stringContaining('Is it what runs this host?'),
    });
  });
});
