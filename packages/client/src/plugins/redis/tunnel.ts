// SPDX-License-Identifier: AGPL-3.0-or-later
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { dial, type Place } from './dial.ts';

/**
 * Lends a socket of this host that leads to the server through TLS, for `redis-cli`: that proves the authority of a
 * certificate but not the name in it (hiredis had no such check before 2026), so that everybody with a certificate of the
 * same authority could answer. Only this account can reach the socket; it is gone when `work` has ended.
 * @throws what connecting threw, where `work` failed because of it
 */
export async function withTunnel<Result>(
  place: Place,
  signal: AbortSignal,
  work: (socket: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'backup-client-tls-'));
  const sockets = new Set<Socket>();
  const failures: unknown[] = [];
  const server = createServer((local) => {
    sockets.add(local);
    local.on('error', () => undefined);
    const lead = (remote: Socket) => {
      sockets.add(remote);
      // Where one side ends early, the other is closed: redis-cli says that, and the end mark of the file is missing.
      pipeline(local, remote, () => remote.destroy());
      pipeline(remote, local, () => local.destroy());
    };
    dial(place, signal).then(lead, (error: unknown) => {
      failures.push(error);
      local.destroy();
    });
  });
  try {
    const socket = join(directory, 's');
    server.listen(socket);
    await once(server, 'listening');
    return await work(socket);
  } catch (error) {
    signal.throwIfAborted();
    throw failures[0] ?? error;
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
    await rm(directory, { recursive: true, force: true });
  }
}
