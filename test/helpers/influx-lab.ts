// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const WAIT_MS = 60_000;

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A real server of version 1, ended by {@link InfluxLab.remove}. */
export class InfluxLab {
  readonly work = mkdtempSync(join(tmpdir(), 'influxdb-'));
  /** Address that queries go to. */
  api = '';
  /** Address of the backup service. */
  host = '';
  #server: ChildProcess | undefined;

  /** Stops the server as a machine that hangs would, or lets it go on. */
  freeze(isFrozen: boolean): void {
    this.#server?.kill(isFrozen ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Without a server, there is none to be asked any more. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined || server.exitCode !== null || server.signalCode !== null) return;
    server.kill();
    await once(server, 'exit');
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt += 1) {
      [this.api, this.host] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
      try {
        return await this.#serve('');
      } catch (error) {
        await this.stop();
        // Somebody else was quicker.
        if (attempt === 5) throw error;
      }
    }
  }

  /** With the same data and addresses. */
  async restart(http: string): Promise<void> {
    await this.stop();
    await this.#serve(http);
  }

  async #serve(http: string): Promise<void> {
    const settings = [
      `reporting-disabled = true\nbind-address = "${this.host}"`,
      `[meta]\n  dir = "${this.work}/meta"`,
      `[data]\n  dir = "${this.work}/data"\n  wal-dir = "${this.work}/wal"`,
      `[http]\n  bind-address = "${this.api}"\n  log-enabled = false\n  ${http}`,
      '[monitor]\n  store-enabled = false',
    ];
    writeFileSync(join(this.work, 'influxdb.conf'), `${settings.join('\n')}\n`);
    this.#server = spawn('influxd', ['-config', join(this.work, 'influxdb.conf')], { stdio: 'ignore' });
    for (const end = Date.now() + WAIT_MS; ; await delay(200)) {
      try {
        // Refused or not: somebody answers.
        await fetch(`http://${this.api}/ping`);
        break;
      } catch (error) {
        if (Date.now() > end || this.#server.exitCode !== null) throw error;
      }
    }
    // Else it is somebody else's, at the same port.
    if (this.#server.exitCode !== null) throw new Error('influxd did not start');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.work, { recursive: true, force: true });
  }

  /** What `influx` prints, in JSON. */
  ask(text: string, database = ''): string {
    const port = this.api.split(':')[1] ?? '';
    const args = ['-host', '127.0.0.1', '-port', port, '-format', 'json', '-database', database, '-execute', text];
    return execFileSync('influx', args, { encoding: 'utf8', stdio: 'pipe' });
  }

  /** Databases, but for its own. */
  names(): string[] {
    const { results } = JSON.parse(this.ask('SHOW DATABASES'));
    return (results[0].series[0].values ?? []).flat().filter((name: string) => name !== '_internal');
  }

  /** Writes points, one in each line. */
  async write(database: string, points: readonly string[], policy = ''): Promise<void> {
    const url = `http://${this.api}/write?db=${encodeURIComponent(database)}&rp=${encodeURIComponent(policy)}`;
    const { status } = await fetch(url, { method: 'POST', body: points.join('\n') });
    if (status !== 204) throw new Error(`InfluxDB refuses the points: ${status}`);
  }
}
