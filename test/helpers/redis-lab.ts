// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 60_000;

/** A real server on a socket of its own, ended by {@link RedisLab.stop}. */
export class RedisLab {
  readonly directory = mkdtempSync(join(tmpdir(), 'redis-'));
  readonly socket = join(this.directory, 's');
  #child: ChildProcess | undefined;

  /** @param args beside those that keep it to its socket */
  async start(...args: readonly string[]): Promise<void> {
    const own = ['--port', '0', '--unixsocket', this.socket, '--save', '', '--dir', this.directory];
    // Else it waits for further replicas.
    const now = ['--repl-diskless-sync-delay', '0'];
    this.#child = spawn('redis-server', [...own, ...now, ...args], { stdio: 'ignore' });
    for (const end = Date.now() + WAIT_MS; !existsSync(this.socket); ) {
      if (Date.now() > end || this.#child.exitCode !== null) throw new Error('redis-server did not start');
      await delay(20);
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    rmSync(this.socket, { force: true });
  }

  /** Stops the server as a machine that hangs would, or lets it go on. */
  freeze(isFrozen: boolean): void {
    this.#child?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  /** What redis-cli prints; standard input is a script of commands, or what `-x` takes. */
  cli(args: readonly string[], input: string | Buffer = ''): string {
    return execFileSync('redis-cli', ['-s', this.socket, ...args], { input })
      .toString('latin1')
      .trimEnd();
  }

  /** All data, sorted; values as DUMP gives them, which stand for their bytes. Times are told only as there or not. */
  state(database = 0): readonly string[] {
    const script = `
      local out = {}
      for _, key in ipairs(redis.call('KEYS', '*')) do
        out[#out + 1] = key .. '=' .. redis.sha1hex(redis.call('DUMP', key)) .. (redis.call('PTTL', key) > 0 and ' ends' or '')
      end
      return out`;
    return this.cli(['-n', String(database), 'EVAL', script, '0'])
      .split('\n')
      .sort();
  }
}
