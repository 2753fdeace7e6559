// SPDX-License-Identifier: AGPL-3.0-or-later
import { connect } from 'node:net';
import { sleep } from '@local-backup/common/sleep';

/** Of one attempt. */
const CONNECT_TIMEOUT_MS = 10_000;
const ATTEMPTS = 3;
const BETWEEN_MS = 2_000;

/** Where the server of a repository listens; undefined where only restic knows how to get there. */
export function serverOf(
  repository: string,
  variables: Readonly<Record<string, string>>,
): { readonly host: string; readonly port: number } | undefined {
  const [, address = ''] = /^(?:rest|s3):(https?:\/\/.*)$/.exec(repository) ?? [];
  if (!URL.canParse(address) || Object.keys(variables).some((name) => /_PROXY$/i.test(name))) return undefined;
  const { hostname, port, protocol } = new URL(address);
  const usual = protocol === 'https:' ? 443 : 80;
  return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? usual : Number(port) };
}

/**
 * Why nobody answers there, undefined where somebody does. restic 0.17 and newer try a server that is down again and again
 * for a quarter of an hour, at every command: a host would cost that much time for each of its repositories.
 */
export async function whyUnreachable(
  server: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<string | undefined> {
  let reason: string | undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (attempt > 0) await sleep(BETWEEN_MS, signal);
    reason = await tryOnce(server);
    if (reason === undefined) return undefined;
  }
  return reason;
}

function tryOnce({ host, port }: { readonly host: string; readonly port: number }): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: CONNECT_TIMEOUT_MS });
    const end = (reason: string | undefined) => {
      socket.destroy();
      resolve(reason);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`no answer from ${host}:${port} within ${CONNECT_TIMEOUT_MS / 1_000} s`));
    socket.once('error', (error) => end(`${error.message || 'no connection'} (${host}:${port})`));
  });
}
