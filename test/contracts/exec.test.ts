// SPDX-License-Identifier: AGPL-3.0-or-later
import { closeSync, openSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BackupError } from '../../packages/common/src/errors.ts';
import { createRun, type RunOptions } from '../../packages/common/src/exec.ts';
import { readProcessStat } from '../../packages/common/src/process-stat.ts';

const SECRET = 'hunter2-canary';
const scrub = (text: string) => text.replaceAll(SECRET, '***');
const run = createRun({ scrub });
const LIMIT: RunOptions = { timeoutMs: 20_000 };

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'exec-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

const shell = (script: string, options: Partial<RunOptions> = {}) =>
  run('sh', ['-c', script], { ...LIMIT, ...options });

/** The message of the BackupError that the promise is rejected with. */
async function failure(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('was expected to fail'),
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BackupError);
  expect(error).toHaveProperty('code', 'failed');
  return (error as BackupError).message;
}

const isAlive = (pid: number) => !['Z', undefined].includes(readProcessStat(pid)?.state);

describe('run', () => {
  it('captures both outputs and gives arguments through as they are', async () => {
    const args = ['-c', 'printf "%s|" "$@"; echo oops >&2', 'sh', 'a b', '$HOME', "it's", '*', ''];
    expect(await run('sh', args, LIMIT)).toEqual({
      exitCode: 0,
      stdout: "a b|$HOME|it's|*||",
      stderr: 'oops\n',
      truncated: false,
    });
  });

  it('feeds standard input from text, bytes or a file descriptor, and else leaves it empty', async () => {
    const bytes = new Uint8Array([0, 255, 10]);
    const file = join(directory, 'input');
    await writeFile(file, 'from a file');
    const descriptor = openSync(file, 'r');
    expect((await run('cat', [], { ...LIMIT, stdin: 'text' })).stdout).toBe('text');
    expect((await run('od', ['-An', '-tx1'], { ...LIMIT, stdin: bytes })).stdout.trim()).toBe('00 ff 0a');
    expect((await run('cat', [], { ...LIMIT, stdin: descriptor })).stdout).toBe('from a file');
    expect((await run('cat', [], LIMIT)).stdout).toBe('');
    closeSync(descriptor);
  });

  it('does not mind a program that leaves its input unread', async () => {
    expect((await run('true', [], { ...LIMIT, stdin: 'x'.repeat(1_000_000) })).exitCode).toBe(0);
  });

  it('writes standard output to a file descriptor', async () => {
    const file = join(directory, 'output');
    const descriptor = openSync(file, 'w');
    const result = await shell('echo out', { stdoutTo: descriptor });
    closeSync(descriptor);
    expect(result.stdout).toBe('');
    expect(readFileSync(file, 'utf8')).toBe('out\n');
  });

  it('passes on an allow-list of the environment and what is added', async () => {
    process.env.RESTIC_PASSWORD = SECRET;
    const { stdout } = await run('env', [], { ...LIMIT, env: { ADDED: 'yes' } });
    delete process.env.RESTIC_PASSWORD;
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0]);
    expect(names).toEqual(expect.arrayContaining(['ADDED', 'LANG', 'LC_ALL', 'PATH']));
    expect(
      names.filter((name) => !['ADDED', 'HOME', 'LANG', 'LC_ALL', 'PATH', 'TMPDIR', 'TZ'].includes(name ?? '')),
    ).toEqual([]);
    expect(stdout).toMatch(/^PATH=.*\/usr\/sbin/m);
  });

  it('runs as another user', async () => {
    expect((await run('id', ['-u'], { ...LIMIT, uid: 65534, gid: 65534 })).stdout).toBe('65534\n');
    expect((await run('id', ['-G'], { ...LIMIT, uid: 65534, gid: 65534 })).stdout).toBe('65534\n');
  });

  it('hands over lines as they come, the last one without newline too', async () => {
    const lines: string[] = [];
    const result = await shell("printf 'one\\ntw\\303'; sleep 0.1; printf '\\266\\n\\nend'", {
      onLine: (line) => lines.push(line),
    });
    expect(lines).toEqual(['one', 'twö', '', 'end']);
    expect(result.stdout).toBe('');
  });

  it('ends the program when a line is refused, and says what the refusal said', async () => {
    const refusal = new BackupError('untrusted', 'not a line of ours');
    const onLine = () => {
      throw refusal;
    };
    await expect(shell('yes', { onLine })).rejects.toBe(refusal);
    await expect(shell('printf last', { onLine })).rejects.toBe(refusal);
  });

  it('ends a program whose line never ends', async () => {
    await expect(run('cat', ['/dev/zero'], { ...LIMIT, onLine: () => undefined })).rejects.toThrow(
      'a line is longer than',
    );
  });

  it('survives 150 MB of NULs on both outputs and a failure after that', async () => {
    const message = await failure(shell('head -c 150000000 /dev/zero; head -c 150000000 /dev/zero >&2; exit 3'));
    expect(message).toMatch(/^sh failed with exit code 3\./);
    expect(message.length).toBeLessThan(3_000);
  });

  it('keeps the beginning and the end of a long output', async () => {
    const { stdout, truncated } = await shell('echo first; head -c 5000000 /dev/zero | tr "\\0" x; echo last');
    expect(truncated).toBe(true);
    expect(stdout).toMatch(/^first\n[\s\S]*\n\[\.\.\. \d+ bytes left out \.\.\.\]\n[\s\S]*last\n$/);
    expect(stdout.length).toBeLessThan(1_200_000);
  });

  it('accepts the exit codes it is told to', async () => {
    expect((await shell('exit 3', { accept: [0, 3] })).exitCode).toBe(3);
    expect(await failure(shell('exit 0', { accept: [3] }))).toBe('sh failed with exit code 0.');
  });

  it('does not wait for a process left in the background, and leaves it alone', async () => {
    const { stdout } = await shell('sleep 30 & echo $!', LIMIT);
    const pid = Number(stdout);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  }, 10_000);

  it('says in the message what went wrong, without arguments and secrets', async () => {
    const message = await failure(
      shell(`echo line-1 >&2; printf 'bad ${SECRET} \\033[31m\\n' >&2; exit 12 # argument`),
    );
    expect(message).toBe('sh failed with exit code 12.\n  line-1\n  bad *** \\x1b[31m');
    expect(await failure(shell('kill -KILL $$'))).toContain('sh was killed (SIGKILL).');
    expect(await failure(shell('kill -HUP $$'))).toBe('sh was ended by SIGHUP.');
  });

  it('says why a program could not be started', async () => {
    const plain = join(directory, 'plain');
    const broken = join(directory, 'broken');
    await writeFile(plain, '');
    await writeFile(broken, '#!/no/such/interpreter\n');
    await chmod(broken, 0o755);
    expect(await failure(run('no-such-program', [], LIMIT))).toMatch(
      /Cannot start no-such-program: not found in \/.*sbin.* Install it/,
    );
    expect(await failure(run(join(directory, 'none'), [], LIMIT))).toContain('there is no such file');
    expect(await failure(run(plain, [], LIMIT))).toContain('permission denied');
    expect(await failure(run(broken, [], LIMIT))).toContain('interpreter');
    expect(await failure(run('true', [], { ...LIMIT, cwd: '/no/such/cwd' }))).toContain('/no/such/cwd, does not exist');
    expect(await failure(run('true', ['x'.repeat(3_000_000)], LIMIT))).toContain('command line is longer');
  });
});
