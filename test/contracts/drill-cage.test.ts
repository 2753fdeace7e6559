// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Cage, runCaged } from '../../packages/server/src/drill/services/cage.ts';
import { bundle } from '../helpers/bundle.ts';
import { isRunningWith } from '../helpers/faults.ts';
import { until } from '../helpers/system-lab.ts';

/* What a dump could do that had taken over the program that loads it, and everything that this one may do. */

let base: string;
beforeEach(() => {
  base = fs.mkdtempSync(join(tmpdir(), 'drill-cage-'));
  for (const name of ['root', 'copy', 'scratch']) fs.mkdirSync(join(base, name), { mode: 0o700 });
  fs.chmodSync(join(base, 'scratch'), 0o711);
  fs.writeFileSync(join(base, 'copy/dump'), 'what was saved');
  fs.writeFileSync(join(base, 'secret'), 'of the machine');
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const script = (text: string) => fs.writeFileSync(join(base, 'program.cjs'), text);
const cage = (changed: Partial<Cage> = {}): Cage => ({
  ...{ mountPoint: join(base, 'root'), copy: join(base, 'copy'), scratch: join(base, 'scratch') },
  program: { node: fs.realpathSync(process.execPath), script: join(base, 'program.cjs') },
  ...{ timeoutMs: 60_000, maxFileBytes: 1024 ** 2, signal: new AbortController().signal },
  run: createRun({ scrub: (text) => text }),
  ...changed,
});

async function inside(text: string, changed: Partial<Cage> = {}): Promise<unknown> {
  script(`
    const fs = require('node:fs');
    const { execFileSync, spawnSync } = require('node:child_process');
    const sh = (command, as = {}) => spawnSync('sh', ['-c', command], { encoding: 'utf8', ...as });
    const code = (work) => { try { work(); return 'done'; } catch (error) { return error.code; } };
    const tell = (value) => console.log(JSON.stringify(value));
    ${text}`);
  const caged = await runCaged(cage(changed), [], '');
  return 'stdout' in caged ? JSON.parse(caged.stdout) : caged.unbuilt;
}

test('it sees the copy and its scratch directory, and writes into the latter alone', async () => {
  const elsewhere = ['/usr/x', '/copy/x', '/copy/dump', '/x', '/etc/x', '/dev/x', '/proc/sys/kernel/core_pattern'];
  expect(
    await inside(`
      fs.writeFileSync('/scratch/x', 'x');
      tell({
        dump: fs.readFileSync('/copy/dump', 'utf8'),
        writes: ${JSON.stringify(elsewhere)}.map((path) => code(() => fs.writeFileSync(path, 'x'))),
        reads: ${JSON.stringify([base, '/root', '/home', '/var', '/etc/shadow', '/sys'])}.map((path) => code(() => fs.statSync(path))),
        old: fs.readdirSync('/old'),
        large: code(() => fs.writeFileSync('/scratch/large', Buffer.alloc(2 * 1024 ** 2))),
      });`),
  ).toEqual({
    dump: 'what was saved',
    writes: elsewhere.map(() => 'EROFS'),
    reads: Array(6).fill('ENOENT'),
    old: [],
    large: 'EFBIG',
  });
  expect(fs.readdirSync(join(base, 'scratch'))).toContain('x');
  expect([fs.readdirSync(join(base, 'root')), fs.readdirSync(join(base, 'copy'))]).toEqual([[], ['dump']]);
});

test('it has no rights over the machine, as root or by programs with a set-uid bit', async () => {
  expect(
    await inside(`
      fs.copyFileSync(fs.realpathSync('/usr/bin/id'), '/scratch/id');
      fs.chmodSync('/scratch/id', 0o4755);
      tell({
        mount: sh('mount -t tmpfs x /tmp').status !== 0,
        rw: sh('mount -o remount,bind,rw /copy').status !== 0,
        node: sh('mknod /scratch/sda b 8 0').status !== 0,
        chroot: sh('chroot /usr true').status !== 0,
        kill: code(() => process.kill(${process.pid}, 'SIGKILL')),
        processes: fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
        nobody: sh('/scratch/id -u', { uid: 65534, gid: 65534 }).stdout,
        oom: fs.readFileSync('/proc/self/oom_score_adj', 'utf8'),
        caps: /^CapBnd:.*$/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[0],
      });`),
  ).toEqual({
    ...{ mount: true, rw: true, node: true, chroot: true, kill: 'ESRCH', processes: 1 },
    ...{ nobody: '65534\n', oom: '1000\n', caps: 'CapBnd:\t00000000000001fb' },
  });
});

describe('the network', () => {
  let server: Server;
  let connections: number;
  const listen = async (where: object) => {
    connections = 0;
    server = createServer((socket) => {
      connections += 1;
      socket.destroy();
    }).listen(where);
    await once(server, 'listening');
  };
  afterEach(() => new Promise((resolve) => server.close(resolve)));
  const connecting = (where: string) => `
    const socket = require('node:net').connect(${where});
    socket.on('connect', () => { tell('connected'); socket.destroy(); });
    socket.on('error', (error) => tell(error.code));`;

  test('of the machine cannot be reached', async () => {
    await listen({ port: 0, host: '127.0.0.1' });
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    expect(await inside(connecting(`${port}, '127.0.0.1'`))).toMatch(/^(?:ENETUNREACH|ECONNREFUSED|EADDRNOTAVAIL)$/);
    expect(connections).toBe(0);
  });

  test('nor its sockets, whose directories are not there', async () => {
    await listen({ path: join(base, 'socket') });
    expect(await inside(connecting(JSON.stringify(join(base, 'socket'))))).toBe('ENOENT');
    expect(connections).toBe(0);
  });
});

describe('it ends, and all that it has started', () => {
  const SLEEPING = `
    const { spawn } = require('node:child_process');
    spawn('setsid', ['sleep', process.argv[2]], { detached: true, stdio: 'ignore' }).unref();
    require('node:fs').writeFileSync('/scratch/up', '');
    for (;;) require('node:child_process').execFileSync('sleep', ['0.05']);`;
  let mark: string;
  beforeEach(() => {
    mark = `98765.${process.pid}${Date.now()}`;
    script(SLEEPING);
  });
  const isGone = () => until('it has ended', () => !isRunningWith(mark));
  const isUp = () => until('it runs', () => fs.existsSync(join(base, 'scratch/up')));

  test('at its time limit', async () => {
    await expect(runCaged(cage({ timeoutMs: 1500 }), [mark], '')).rejects.toThrow(/time limit|took longer|1\.5 s/);
    await isGone();
  });

  test('when the drill is ended', async () => {
    const controller = new AbortController();
    const running = runCaged(cage({ signal: controller.signal }), [mark], '');
    await isUp();
    controller.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
    await isGone();
  });

  test('when the program that has built the cage is killed', async () => {
    const program = join(base, 'drill.mjs');
    const given = JSON.stringify({ ...cage(), signal: undefined, run: undefined });
    const source = `
      import { createRun } from './packages/common/src/exec.ts';
      import { runCaged } from './packages/server/src/drill/services/cage.ts';
      const run = createRun({ scrub: (text) => text });
      await runCaged({ ...${given}, run, signal: new AbortController().signal }, ['${mark}'], '');`;
    await bundle(source, program);
    const drill: ChildProcess = spawn(process.execPath, [program], { stdio: 'ignore' });
    const ended = once(drill, 'exit');
    await isUp();
    expect(isRunningWith(mark)).toBe(true);
    drill.kill('SIGKILL');
    await ended;
    await isGone();
  });
});

test('what cannot be built is told with what it takes', async () => {
  const caged = await runCaged(cage({ copy: join(base, 'nowhere') }), [], '');
  expect(caged).toEqual({ unbuilt: expect.stringMatching(/^Cannot build the cage: .*nowhere.*CAP_SYS_ADMIN/s) });
});
