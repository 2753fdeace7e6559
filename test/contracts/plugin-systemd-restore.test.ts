// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { systemd } from '../../packages/client/src/plugins/systemd/index.ts';
import { pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { createSystemctlStandIn } from '../helpers/systemctl-stand-in.ts';

const PATH = process.env.PATH ?? '';

let root: string;
let units: ReturnType<typeof createSystemctlStandIn>;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'systemd-'));
  for (const name of ['stage', 'copy', 'scratch', 'kept']) mkdirSync(join(root, name));
  units = createSystemctlStandIn(root);
  process.env.PATH = `${units.bin}:${PATH}`;
  units.addUnit('db.service', { active: 'active' });
});

afterEach(() => {
  process.env.PATH = PATH;
  rmSync(root, { recursive: true, force: true });
});

const textOf = (file: string) => (existsSync(file) ? readFileSync(file, 'utf8') : undefined);

describe('restore', () => {
  const restored = (memo?: Memo) => {
    const directories = { copy: join(root, 'copy'), scratch: join(root, 'scratch'), kept: join(root, 'kept') };
    return restoreContext(systemd, { options: { units: ['db.service'] }, ...directories, ...(memo ? { memo } : {}) });
  };
  const save = async () => {
    await systemd.run(pluginContext(systemd, { options: { units: ['db.service'] }, stage: join(root, 'stage') }));
    execFileSync('cp', ['-a', `${join(root, 'stage')}/.`, join(root, 'copy')]);
  };

  it('keeps what it replaces, and starts what ran before', async () => {
    await save();
    writeFileSync(units.fileOf('db.service'), '[Unit]\nDescription=changed\n');
    const context = restored();
    expect(await systemd.restore?.plan(context)).toEqual([
      { action: 'stop', what: 'unit db.service' },
      { action: 'replace', what: units.fileOf('db.service') },
    ]);
    await systemd.restore?.stop?.(context);
    await systemd.restore?.apply(context);
    await systemd.restore?.start?.(context);
    expect(textOf(units.fileOf('db.service'))).toContain('Description=db.service');
    expect(textOf(join(root, 'kept', '0-db.service'))).toContain('changed');
    expect(units.states()['db.service']).toBe('active');
    expect(units.calls()).toContain('daemon-reload');
  });

  it('a copy cannot have a file written that is no file of these units', async () => {
    await save();
    const record = join(root, 'copy', 'systemd', 'units.json');
    const target = join(root, 'shadow');
    const evil = ['/etc/cron.d/db.service', target, units.fileOf('ssh.service')];
    for (const file of evil) {
      mkdirSync(join(root, 'copy', 'systemd', file, '..'), { recursive: true });
      writeFileSync(join(root, 'copy', 'systemd', file), '[Unit]\n');
    }
    const { units: saved, ...rest } = JSON.parse(readFileSync(record, 'utf8'));
    writeFileSync(record, JSON.stringify({ ...rest, units: [{ ...saved[0], files: evil }] }));
    const context = restored();
    const steps = (await systemd.restore?.plan(context)) ?? [];
    expect(steps.filter(({ action }) => action === 'replace' || action === 'create')).toEqual([]);
    await systemd.restore?.apply(context);
    expect(evil.filter(existsSync)).toEqual([]);
  });

  it('stops nothing that must not be stopped, and puts no file in the place of a link', async () => {
    await save();
    const file = units.fileOf('db.service');
    rmSync(file);
    symlinkSync('/dev/null', file);
    expect(await systemd.restore?.plan(restored())).toContainEqual({
      action: 'note',
      what: expect.stringContaining('it is a link now'),
    });
    units.addUnit('ssh.service', { active: 'active' });
    units.change((state) => Object.assign(state.units['db.service'] ?? {}, { requiredBy: ['ssh.service'] }));
    await expect(systemd.restore?.plan(restored())).rejects.toThrow('ssh.service would be stopped too');
  });

  it('follows no link in a copy', async () => {
    await save();
    writeFileSync(units.fileOf('db.service'), '[Unit]\nDescription=changed\n');
    const saved = join(root, 'copy', 'systemd', units.fileOf('db.service'));
    rmSync(saved);
    symlinkSync('/etc/shadow', saved);
    await expect(systemd.restore?.plan(restored())).rejects.toThrow('is not in the copy, or is a link');
  });
});
