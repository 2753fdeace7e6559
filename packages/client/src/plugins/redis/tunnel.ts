// SPDX-License-Identifier: AGPL-3.0-or-later
import { once } from 'node:events';
import { type FileHandle, open, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream';
import { dial, type Place } from './dial.ts';

/** Name of the socket, for a program that is started in its directory. */
export const SOCKET = 'tls.sock';

/**
 * Lends a socket of this host that leads to the server through TLS, for `redis-cli`: that proves the authority of a
 * certificate but not the name in it (hiredis had no such check before 2026), so that everybody with a certificate of the
 * same authority could answer. Only this account can reach the socket; it is gone when `work` has ended.
 * @param directory of mode 0700, where {@link SOCKET} is: one that is removed after `kill -9`
 * @throws what connecting threw, where `work` failed because of it
 */
export async function withTunnel<Result>(
  { place, directory }: { readonly place: Place; readonly directory: string },
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const ending = new AbortController();
  const dialling = AbortSignal.any([signal, ending.signal]);
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
    dial(place, dialling).then(lead, (error: unknown) => {
      failures.push(error);
      local.destroy();
    });
  });
  server.on('error', (error) => failures.push(error));
  const handle = await open(directory);
  try {
    server.listen(shortPath(handle));
    await once(server, 'listening');
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    throw failures[0] ?? error;
  } finally {
    ending.abort(new Error('done'));
    server.close();
    for (const socket of sockets) socket.destroy();
    await handle.close();
    await rm(join(directory, SOCKET), { force: true });
  }
}

/** The path of a socket has 107 bytes (unix(7)); that of a directory may be longer. */
function shortPath({ fd }: FileHandle): string {
  return `/proc/self/fd/${fd}/${SOCKET}`;
}
