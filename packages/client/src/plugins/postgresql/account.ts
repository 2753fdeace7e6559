// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PluginContext } from '../../plugin.ts';

/** An account of this machine that programs are run as. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

/** `getent` exits with 2 where there is no such entry. */
const NOT_FOUND = 2;

const TIMEOUT_MS = 30_000;

/** The account of that name, as the system knows it (files, LDAP, ...); undefined where there is none. */
export async function findAccount(
  name: string,
  { exec, signal }: Pick<PluginContext, 'exec' | 'signal'>,
): Promise<Account | undefined> {
  // A number would be taken for an id.
  if (!/^[A-Za-z_][A-Za-z0-9_.-]*$/.test(name)) return undefined;
  const accept = [0, NOT_FOUND];
  const { stdout } = await exec('getent', ['passwd', name], { cwd: '/', timeoutMs: TIMEOUT_MS, signal, accept });
  const [found, , uid, gid, , home] = (stdout.split('\n')[0] ?? '').split(':');
  if (found !== name || home === undefined) return undefined;
  return { name, uid: Number(uid), gid: Number(gid), home: home === '' ? '/' : home };
}
