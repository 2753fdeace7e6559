// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mountSmall } from '../helpers/faults.ts';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';

let lab: SystemLab;
let unmount: (() => void) | undefined;

beforeEach(async () => {
  lab = await createSystemLab();
  mkdirSync(lab.at('data'));
  mkdirSync(lab.at('plugins'));
  writeFileSync(lab.at('data', 'file'), 'worth saving\n');
  writeFileSync(lab.at('state'), 'up\n');
  configure();
  // After the one that misbehaves.
  lab.addService('web/good', `service: {name: good}\nfiles: {paths: [${lab.at('data')}]}\n`);
});

afterEach(async () => {
  unmount?.();
  unmount = undefined;
  await lab.remove();
});

const configure = (...lines: string[]) => lab.configure({ client: [`plugin_dir: ${lab.at('plugins')}`, ...lines] });

/** A plugin of the admin's own that stops its service, and then does this instead of saving. */
function addPlugin(run: string): void {
  const script = `#!/bin/sh\ncase $1 in
prepare) echo down > ${lab.at('state')} ;;
run) ${run} ;;
post) echo up > ${lab.at('state')} ;;
*) exit 64 ;;
esac\n`;
  lab.write(lab.at('plugins', 'bad'), script, 0o755);
  lab.addService('web/bad', 'service: {name: bad}\nbad: {}\n');
}

/** It runs again, and the others are saved; @returns what was said of the service that is not */
async function expectOnlyBadFailed(): Promise<string> {
  const { stderr } = await expectCode(1, lab.client('backup'));
  expect(readFileSync(lab.at('state'), 'utf8')).toBe('up\n');
  const services = lab.records('client').at(-1)?.hosts[0]?.services ?? [];
  expect(services.map(({ name, status }) => [name, status])).toEqual([
    ['bad', 'failed'],
    ['good', 'success'],
  ]);
  expect(stderr).toContain('Failed: web/bad. Published in spite of that: ');
  const [mail] = await lab.takeMails();
  expect(mail?.text).toContain('web/bad');
  return services[0]?.messages.join('\n') ?? '';
}

it('a plugin that hangs is ended with all that it has started', async () => {
  const pid = lab.at('child.pid');
  configure('task_timeout: 5s');
  addPlugin(`sleep 300 & echo $! > ${pid}; echo data > file; wait`);
  expect(await expectOnlyBadFailed()).toMatch(/within 5 s and was ended/);
  const child = readFileSync(pid, 'utf8').trim();
  await until('the child of the plugin has ended', () => !existsSync(`/proc/${child}`));
});

it('a plugin that says more than anybody can keep costs neither memory nor room', async () => {
  addPlugin(
    'echo data > file; head -c 300M /dev/zero | tr "\\0" "x" >&2; yes "a line of the log" | head -c 300M >&2; exit 3',
  );
  const running = lab.startClient('backup');
  const peak = peakOf(running.child.pid ?? 0);
  const { stderr } = await expectCode(1, running.ended);
  // It takes some 150 MiB by itself.
  expect(await peak).toBeLessThan(400 * 1024);
  expect(stderr.length).toBeLessThan(1_000_000);
  expect(readFileSync(lab.at('state'), 'utf8')).toBe('up\n');
  const [archive = ''] = lab.archives();
  expect(statSync(join(lab.spool, `${archive}.json`)).size).toBeLessThan(100_000);
  const [mail] = await lab.takeMails();
  expect(mail?.text.length).toBeLessThan(100_000);
});

/** The most memory that a process had, in KiB: the kernel counts, this only asks until it has ended. */
async function peakOf(pid: number): Promise<number> {
  let peak = 0;
  await until('it has ended', () => {
    const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readStatus(pid)) ?? [];
    peak = Math.max(peak, Number(kibibytes ?? 0));
    return kibibytes === undefined && peak > 0;
  });
  return peak;
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

it('a disk that becomes full while a service dumps costs that service', async () => {
  unmount = mountSmall(lab.spool, 'size=16m');
  addPlugin('head -c 64M /dev/urandom > dump');
  expect(await expectOnlyBadFailed()).toMatch(/No space left on device[\s\S]*What it had written was removed/);
});

it('a table that is locked costs its service, and is named', async () => {
  const database = lab.at('shop.db');
  const holder = spawn('sqlite3', [database], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    holder.stdin.write("create table t (x); begin exclusive; insert into t values (1); select 'locked';\n");
    await once(holder.stdout, 'data');
    const commands = `before: echo down > ${lab.at('state')}, run: date, stdout: date, after: echo up > ${lab.at('state')}`;
    lab.addService(
      'web/bad',
      `service: {name: bad}\ncommand: {${commands}}\nsqlite: {paths: [${database}], busy_timeout: 1s}\n`,
    );
    expect(await expectOnlyBadFailed()).toMatch(/Cannot save .*shop\.db: .*locked/s);
  } finally {
    holder.stdin.end();
    await once(holder, 'exit');
  }
});
