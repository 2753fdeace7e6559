// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';

const ALIVE = fileURLToPath(new URL('../../systemd/alive', import.meta.url));

/** In the place of systemd: binds the socket, runs the other arguments, and prints what was written to it; one message is too many. */
const SYSTEMD = `
  use Socket;
  my $name = shift; (my $path = $name) =~ s/^@/\\0/;
  my $socket;
  socket($socket, AF_UNIX, SOCK_DGRAM, 0) && bind($socket, sockaddr_un($path)) or die "$!";
  $ENV{NOTIFY_SOCKET} = $name;
  my $code = system { $ARGV[0] } @ARGV;
  while (defined recv($socket, my $message, 5000, MSG_DONTWAIT)) { print "GOT $message\\n"; last if $message eq "many"; }
  exit $code >> 8;
`;

/** What a program of ours does: writes to the socket until it is full, which must not keep it waiting. */
const PROGRAM = `
  const { writeSync } = require('node:fs');
  const socket = Number(process.env.NOTIFY_FD);
  console.log(require('node:child_process').spawnSync('sh', ['-c', 'ls -l /proc/$$/fd/' + socket]).status);
  writeSync(socket, 'EXTEND_TIMEOUT_USEC=1');
  try { for (;;) writeSync(socket, 'many'); } catch (error) { console.log(error.code); }
  process.exitCode = 3;
`;

let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'alive-'));
});

afterAll(() => rmSync(work, { recursive: true }));

function run(command: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const { NOTIFY_SOCKET: _, NOTIFY_FD: __, NOTIFY_EXTEND: ___, ...rest } = process.env;
  const [program = '', ...args] = command;
  const { status, stdout, stderr } = spawnSync(program, args, {
    env: { ...rest, ...env },
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { status, stdout, stderr };
}

it.each([
  ['in the file system', () => join(work, 'notify')],
  ['without a file', () => `@alive-${randomBytes(8).toString('hex')}`],
])('the program writes to the socket of systemd, %s; what the program starts does not have it', (_, socket) => {
  const { status, stdout, stderr } = run(['perl', '-we', SYSTEMD, socket(), ALIVE, process.execPath, '-e', PROGRAM]);
  expect(stdout).toMatch(/^[12]\nEAGAIN\nGOT EXTEND_TIMEOUT_USEC=1\nGOT many\n$/);
  expect([status, stderr]).toEqual([3, '']);
});

describe('without such a socket', () => {
  it('the program runs all the same, with its arguments as they are', () => {
    const printed = run([ALIVE, 'printf', '[%s]', 'a b', '-x', '', '$HOME', '*']);
    expect(printed).toEqual({ status: 0, stdout: '[a b][-x][][$HOME][*]', stderr: '' });
    expect(run([ALIVE, 'sh', '-c', 'echo "[${NOTIFY_FD-none}]"']).stdout).toBe('[none]\n');
  });

  it.each(['/nonexistent/notify', '@nobody-is-there', 'vsock:2:1234', ''])('nor at %j: a warning', (socket) => {
    const { status, stdout, stderr } = run([ALIVE, 'sh', '-c', 'echo "[${NOTIFY_FD-none}]"'], {
      NOTIFY_SOCKET: socket,
    });
    expect([status, stdout]).toEqual([0, '[]\n']);
    expect(stderr).toMatch(/^<4>Cannot tell systemd that the run is alive, it may be ended early: [ -~]*\n$/);
    expect(stderr).toContain(`early: ${socket}: `);
  });

  it('a program that is not there is an error in one line', () => {
    const { status, stderr } = run([ALIVE, '/nonexistent/program', '-x']);
    expect(status).toBeGreaterThan(0);
    expect(stderr).toBe('<3>/nonexistent/program: No such file or directory\n');
  });
});

describe('the program in a unit that relies on signs of life', () => {
  const COMMAND = ['config', 'sample', 'common_config'];
  let program: string;

  beforeAll(async () => {
    program = join(work, 'client.mjs');
    await bundle("import './packages/client/src/cli.ts';", program);
  });

  it('warns where the unit starts it without this', () => {
    const { status, stderr } = run([process.execPath, program, ...COMMAND], { NOTIFY_EXTEND: '5m' });
    expect([status, stderr]).toEqual([
      0,
      expect.stringContaining('ExecStart= has to begin with /opt/backup/lib/alive'),
    ]);
  });

  it('says it once where systemd could not be reached', () => {
    const env = { NOTIFY_EXTEND: '5m', NOTIFY_SOCKET: '/nonexistent/notify' };
    const { status, stderr } = run([ALIVE, process.execPath, program, ...COMMAND], env);
    expect(status).toBe(0);
    expect(stderr).toMatch(/^<4>Cannot tell systemd .*\n$/);
  });
});
