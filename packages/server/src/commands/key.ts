// SPDX-License-Identifier: AGPL-3.0-or-later
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { renderRotation } from '../report/render-rotation.ts';
import { table } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import type { RepositoryKey } from '../stores/keys.ts';
import { type KnownRepository, keysOf, knownRepositories, passwordSource } from './known-repositories.ts';
import type { Session } from './session.ts';

export interface KeyOptions {
  /** Name of a further repository of the host. */
  readonly copy?: string;
}

export interface AddKeyOptions extends KeyOptions {
  /** File with the new password. */
  readonly passwordFile: string;
}

/** `backup-server key list HOST`: the passwords that open a repository, as keys; the one in use first. */
export async function listKeys(session: Session, name: string, options: KeyOptions): Promise<number> {
  const { json, print, signal } = session;
  const known = repositoryOf(session, name, options);
  const keys = await keysOf(known, session).list(signal);
  if (json) {
    print(JSON.stringify(keys, undefined, 2));
    return 0;
  }
  print(`${showControls(titleOf(known))}: ${keys.length === 1 ? '1 key' : `${keys.length} keys`}`);
  const rows = keys.map(({ id, current, user, host, created }) => {
    const cells = [id.slice(0, 8), current ? 'in use' : '', created, `${user}@${host}`];
    return cells.map((cell) => showControls(cell));
  });
  for (const line of table([['ID', '', 'MADE', 'BY'], ...rows])) print(line);
  return 0;
}

/**
 * `backup-server key add|rotate HOST --password-file FILE`: makes another password one that opens the repository, and
 * proves it. `rotate` goes on to tell how the old one is retired.
 */
export async function addKey(
  session: Session,
  name: string,
  { passwordFile, ...options }: AddKeyOptions,
  verb: 'add' | 'rotate',
): Promise<number> {
  const { json, print, signal } = session;
  const known = repositoryOf(session, name, options);
  const keys = keysOf(known, session);
  const [old] = await keys.list(signal);
  const file = resolve(passwordFile);
  const { created, key } = await keys.add(file, signal);
  if (json) {
    print(JSON.stringify({ host: known.host, copy: known.copy, created, key }));
    return 0;
  }
  const what = created ? 'was added, and opens' : 'opens already';
  print(`The password in ${showControls(file)} ${what} the repository of ${showControls(titleOf(known))}.`);
  print(`Its key is ${key.id.slice(0, 8)}.`);
  if (verb === 'rotate') for (const line of nextSteps(session, known, { file, old, key })) print(line);
  return 0;
}

/** `backup-server key remove HOST ID`: whoever knows only that password cannot open the repository any more. */
export async function removeKey(session: Session, name: string, id: string, options: KeyOptions): Promise<number> {
  const { json, print, signal } = session;
  const known = repositoryOf(session, name, options);
  const key = await keysOf(known, session).remove(id, signal);
  if (json) print(JSON.stringify({ host: known.host, copy: known.copy, removed: key }));
  else {
    print(
      `Key ${key.id.slice(0, 8)} of ${showControls(titleOf(known))} is gone: its password does not open this repository any more.`,
    );
    print('Whoever had it may have read the master key of the repository before; that one never changes.');
    print('What else it opens, it still opens: keep its file until everything was rotated that it is configured for.');
    print('Recovery kits with the old password do not open this repository now: backup-server recovery-kit --to FILE');
  }
  return 0;
}

function repositoryOf(session: Session, name: string, { copy }: KeyOptions): KnownRepository {
  const { hosts } = selectHosts(session.config, [name]);
  if (hosts.length === 0)
    throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
  const ofHost = knownRepositories(session).filter(({ host }) => host === name);
  const found = ofHost.find((known) => known.copy === copy);
  if (found !== undefined) return found;
  const names = ofHost.flatMap((known) => known.copy ?? []).join(', ');
  throw new BackupError('usage', `${name} has no copy "${showControls(copy ?? '')}". Copies: ${names || 'none'}.`);
}

function titleOf({ host, copy }: KnownRepository): string {
  return copy === undefined ? host : `${host}, copy ${copy}`;
}

function nextSteps(
  session: Session,
  known: KnownRepository,
  { file, old, key }: { readonly file: string; readonly old: RepositoryKey | undefined; readonly key: RepositoryKey },
): readonly string[] {
  if (old === undefined || old.id === key.id)
    return ['It is the password that is configured: there is nothing to rotate.'];
  const source = passwordSource(known);
  const others = knownRepositories(session).filter((other) => titleOf(other) !== titleOf(known));
  return renderRotation({
    ...{ host: known.host, copy: known.copy, file, source, oldKey: old.id.slice(0, 8), configFile: session.configFile },
    sharing: others.filter((other) => passwordSource(other) === source).map(titleOf),
    sameKey: others.flatMap(({ host, copy }) => (copy !== undefined && copy === known.copy ? host : [])),
  });
}
