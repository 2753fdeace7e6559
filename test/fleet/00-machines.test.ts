// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { createFleet } from '../helpers/fleet.ts';
import { groupMount, ownGroup } from '../helpers/fleet-cgroup.ts';
import { leftoversOf } from '../helpers/fleet-leftovers.ts';
import { untilSeen } from '../helpers/fleet-world.ts';

/* The machines themselves: none of them touches another one, and nothing of them outlives its test. */

const UNIT = '[Service]\nExecStart=/bin/sleep infinity\n';
const isUp = 'systemctl is-active app.service || true';

it('a unit that is stopped or killed on one machine runs on another that has one of the same name', async () => {
  const fleet = createFleet();
  try {
    const [one, other] = [await fleet.machine('one', 'bookworm'), await fleet.machine('other', 'trixie')];
    for (const machine of [one, other]) {
      machine.write('/etc/systemd/system/app.service', UNIT);
      machine.run('systemctl daemon-reload; systemctl start app.service');
    }
    const groups = execFileSync('find', [groupMount(), '-name', 'app.service'], { encoding: 'utf8' })
      .trim()
      .split('\n');
    expect(groups.map((group) => group.split('/').at(-4)).sort()).toEqual(expect.arrayContaining(['one', 'other']));
    one.run('systemctl stop app.service');
    expect([one.run(isUp), other.run(isUp)]).toEqual(['inactive\n', 'active\n']);
    one.run('systemctl start app.service');
    other.run('systemctl kill --signal=KILL app.service; while systemctl is-active -q app.service; do sleep 0.1; done');
    expect([one.run(isUp), other.run(isUp)]).toEqual(['active\n', 'failed\n']);
    await one.cutPower();
    expect(other.run('systemctl start app.service; systemctl is-active app.service')).toBe('active\n');
    await one.boot();
    expect([one.run(isUp), other.run(isUp)]).toEqual(['inactive\n', 'active\n']);
  } finally {
    await fleet.remove();
  }
});

it.each(['SIGKILL', 'SIGINT'] as const)(
  'a test that ends by %s leaves no machine, mount, network or cgroup',
  async (signal) => {
    const script = ['scripts/run-ts.mjs', 'test/fixtures/fleet-alone.ts'];
    // A process group, as a terminal has one.
    const test = spawn(process.execPath, script, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
    const [said] = await once(test.stdout, 'data');
    const root = String(said).trim();
    expect(leftoversOf(root).join('\n')).toMatch(/mounted: [\s\S]*running: [\s\S]*there: /);
    process.kill(-Number(test.pid), signal);
    await untilSeen('nothing is left', () => leftoversOf(root).length === 0);
    expect(readdirSync(tmpdir())).not.toContain(basename(root));
    expect(existsSync(join(ownGroup(), basename(root)))).toBe(false);
  },
);
