// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { recover } from '../../packages/client/src/recover.ts';
import { bundle } from '../helpers/bundle.ts';
import { createRestoreLab, NOW, RESTORED, type RestoreLab } from '../helpers/restore-lab.ts';

let directory: string;
let program: string;
let lab: RestoreLab;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'restore-'));
  program = join(directory, 'restore-child.mjs');
  await bundle("import './test/fixtures/restore-child.ts';", program);
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeEach(() => {
  lab = createRestoreLab();
});

afterEach(() => lab.remove());

describe('kill -9', () => {
  const POINTS = ['stop', 'stopped', 'apply', 'kept', 'applied', 'start', 'started', 'verify'];
  const MOMENTS = ['vault', 'second'].flatMap((task) => POINTS.map((point) => `${task}:${point}`));

  const runChild = (kill: string) => {
    const request = {
      file: lab.at('web/shop/service.yaml'),
      copy: lab.at('copy'),
      state: lab.root,
      scratch: lab.at('scratch'),
    };
    const env = { ...process.env, VAULT_KILL: kill };
    return spawnSync(process.execPath, [program, JSON.stringify(request)], { env, encoding: 'utf8' });
  };

  it('the child restores when nobody kills it', () => {
    expect(runChild('').stderr).toBe('');
    expect(lab.stateOfHost()).toEqual(RESTORED);
  });

  it.each(MOMENTS)('at %s: recover puts back and starts', async (moment) => {
    expect(runChild(moment).signal).toBe('SIGKILL');
    rmSync(lab.at('copy'), { recursive: true });
    const { undone, failed } = await recover(lab.ioWith());
    expect({ failed, count: undone.length }).toEqual({ failed: [], count: 1 });
    expect(lab.stateOfHost()).toEqual(NOW);
    expect(readdirSync(lab.at('undo'))).toEqual([]);
  });

  it.each(['01first', '05stopped', '20back', '90end'])('while the step %s runs', async (name) => {
    lab.addStep(name, 'kill -9 $PPID');
    expect(runChild('').signal).toBe('SIGKILL');
    await recover(lab.ioWith());
    expect(lab.stateOfHost()).toEqual(NOW);
  });
});
