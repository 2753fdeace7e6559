// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { BackupError } from '../../packages/common/src/errors.ts';
import { createRun, createStream, type RunOptions } from '../../packages/common/src/exec.ts';
import { readProcessStat } from '../../packages/common/src/process-stat.ts';
import { bundle } from '../helpers/bundle.ts';

const scrub = (text: string) => text;
const run = createRun({ scrub });
const stream = createStream({ scrub });
const LIMIT: RunOptions = { timeoutMs: 20_000 };

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'exec-end-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true });
});

const shell = (script: string, options: Partial<RunOptions> = {}) =>
  run('sh', ['-c', script], { ...LIMIT, ...options });

/** A script that starts a grandchild which ignores SIGTERM, writes down its pid, and then never ends. */
function stubbornFamily(): { script: string; pid: () => Promise<number> } {
  const file = join(directory, `pid-${randomBytes(4).toString('hex')}`);
  const script = `sh -c 'trap "" TERM; echo $$ > ${file}.tmp; mv ${file}.tmp ${file}; for i in $(seq 300); do sleep 0.1; done' & wait; sleep 60`;
  const pid = () => vi.waitFor(async () => Number(await readFile(file, 'utf8')), { timeout: 10_000, interval: 20 });
  return { script, pid };
}

const isAlive = (pid: number) => !['Z', undefined].includes(readProcessStat(pid)?.state);

describe('the end of a process group', () => {
  it('takes grandchildren along at the time limit, those that ignore SIGTERM too', async () => {
    const { script, pid } = stubbornFamily();
    const running = shell(script, { timeoutMs: 3_000, killAfterMs: 300 });
    const grandchild = await pid();
    await expect(running).rejects.toThrow('sh did not finish within 3 s and was ended.');
    expect(isAlive(grandchild)).toBe(false);
  });

  it('takes grandchildren along when the signal is aborted, and rejects with its reason', async () => {
    const { script, pid } = stubbornFamily();
    const abort = new AbortController();
    const running = shell(script, { signal: abort.signal, killAfterMs: 300 });
    const grandchild = await pid();
    abort.abort(new BackupError('interrupted', 'stop'));
    await expect(running).rejects.toThrow('stop');
    expect(isAlive(grandchild)).toBe(false);
  });

  it('lets a program clean up first, with the signal it wants', async () => {
    const abort = new AbortController();
    const lines: string[] = [];
    const onLine = (line: string) => {
      lines.push(line);
      if (line === 'ready') abort.abort(new Error('enough'));
    };
    const script = 'trap "echo cleaned; exit 0" INT; echo ready; while :; do sleep 0.05; done';
    await expect(shell(script, { signal: abort.signal, onLine, endSignal: 'SIGINT' })).rejects.toThrow('enough');
    expect(lines).toEqual(['ready', 'cleaned']);
  });

  it('starts nothing when the signal is aborted already', async () => {
    const file = join(directory, 'not-started');
    await expect(run('touch', [file], { ...LIMIT, signal: AbortSignal.abort(new Error('no')) })).rejects.toThrow('no');
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  it('leaves no grandchildren behind when this process exits', async () => {
    const { script, pid } = stubbornFamily();
    const source = [
      "import { createRun } from './packages/common/src/exec.ts';",
      `createRun({ scrub: (text) => text })('sh', ['-c', ${JSON.stringify(script)}], { timeoutMs: 60000 });`,
      "process.stdin.on('data', () => process.exit(7));",
    ].join('\n');
    const program = join(directory, 'parent.mjs');
    await bundle(source, program);
    const parent = spawn(process.execPath, [program], { stdio: ['pipe', 'inherit', 'inherit'] });
    const grandchild = await pid();
    parent.stdin.write('exit\n');
    await vi.waitFor(() => expect(parent.exitCode).toBe(7), { timeout: 10_000 });
    await vi.waitFor(() => expect(isAlive(grandchild)).toBe(false), { timeout: 10_000 });
  });
});

describe('stream', () => {
  it('streams more than fits into memory bounds, to a reader that comes late', async () => {
    const { stdout, finished } = stream('head', ['-c', '50000000', '/dev/zero'], LIMIT);
    await delay(50);
    let bytes = 0;
    for await (const chunk of stdout) bytes += (chunk as Buffer).length;
    expect(bytes).toBe(50_000_000);
    expect(await finished).toEqual({ exitCode: 0, stdout: '', stderr: '', truncated: false });
  });

  it('never ends a stream well whose program failed', async () => {
    const { stdout, finished } = stream('sh', ['-c', 'echo half; echo disk gone >&2; exit 1'], LIMIT);
    await expect(text(stdout)).rejects.toThrow('sh failed with exit code 1.\n  disk gone');
    await expect(finished).rejects.toThrow('exit code 1');
  });

  it('fails the stream when the program cannot be started', async () => {
    const { stdout, finished } = stream('no-such-program', [], LIMIT);
    await expect(text(stdout)).rejects.toThrow('Cannot start no-such-program');
    await expect(finished).rejects.toThrow('Cannot start no-such-program');
  });

  it('ends the group on request, at the time limit, and when the reader goes away', async () => {
    const asked = stream('yes', [], LIMIT);
    asked.end();
    await expect(asked.finished).rejects.toThrow('ended by SIGTERM');
    const slow = stream('sleep', ['60'], { timeoutMs: 200 });
    await expect(slow.finished).rejects.toThrow('did not finish within 0.2 s');
    await expect(text(slow.stdout)).rejects.toThrow('did not finish');
    const left = stream('yes', [], LIMIT);
    for await (const chunk of left.stdout) if ((chunk as Buffer).length > 0) break;
    await expect(left.finished).rejects.toThrow(/ended by SIG(PIPE|TERM)/);
  });

  it('ends at the time limit when nobody reads', async () => {
    const { finished } = stream('yes', [], { timeoutMs: 300 });
    await expect(finished).rejects.toThrow('did not finish within 0.3 s');
  });
});
