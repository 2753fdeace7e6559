// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { type Database, dangersIn, databasesIn } from './config-ldif.ts';
import { contentsOf } from './ldif.ts';
import type { LdapOptions } from './options.ts';
import { CONFIG, placeOf, readSaved, type Saved, type SavedDatabase, suffixName } from './record.ts';
import { sameSuffix } from './save.ts';
import { ownerOf, requirePrograms, slapcat } from './slap-tools.ts';

type Context = RestoreContext<LdapOptions>;

/** The account that slapd of Debian runs as. */
const ACCOUNT = 'openldap';

const LOOKUP_TIMEOUT_MS = 30_000;

/** Where a copy goes on this host. */
export interface Targets {
  readonly saved: Saved;
  /** Whether the saved configuration is put in place: there is none. */
  readonly newConfig: boolean;
  /** Of directories that are made. */
  readonly owner: { readonly uid: number; readonly gid: number };
  readonly databases: readonly (SavedDatabase & { readonly directory: string })[];
}

/** @throws BackupError with everything that is in the way */
export async function planTargets(context: Context): Promise<Targets> {
  await requirePrograms();
  const { config_dir } = context.options;
  const saved = await readSaved(context.copy);
  const names = await readdir(config_dir).catch(() => undefined);
  const newConfig = names === undefined || names.length === 0;
  const owner = names === undefined ? await account(context) : await ownerOf(config_dir);
  const there = newConfig ? await savedDatabases(context) : await hostDatabases(context);
  const complaints: string[] = [];
  const databases = saved.databases.flatMap((database) => {
    const directory = there.find(({ suffix }) => sameSuffix(suffix, database.suffix))?.directory;
    if (directory !== undefined) return [{ ...database, directory }];
    complaints.push(
      `The configuration in ${config_dir} has no database ${suffixName(database.suffix)} with a directory of its own. ` +
        `Add it; or move ${config_dir} away, and the saved configuration is put in its place.`,
    );
    return [];
  });
  if (newConfig) for (const { directory } of databases) complaints.push(...(await foreignFiles(directory)));
  // Read to the end: nothing is replaced for a file that slapadd would stumble over, or be led astray by.
  for (const { suffix } of saved.databases) await contentsOf(await fileInCopy(context.copy, placeOf(suffix)));
  if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
  return { saved, newConfig, owner, databases };
}

/** A configuration out of a copy must not have any directory of this host replaced. */
async function foreignFiles(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch((): string[] => []);
  if (names.length === 0 || names.includes('data.mdb')) return [];
  return [`${showControls(directory)} is no directory of slapd (it has no data.mdb). Move what is in it away first.`];
}

async function savedDatabases({ copy }: Context): Promise<readonly Database[]> {
  const config = await fileInCopy(copy, CONFIG);
  const dangers = await dangersIn(config);
  if (dangers.length === 0) return databasesIn(config);
  throw new BackupError(
    'untrusted',
    `The saved configuration is not loaded: ${dangers.map(showControls).join('; ')}. Set up slapd by hand, then restore its data.`,
  );
}

/** Asked of slapcat, which knows how to read it. */
async function hostDatabases(context: Context): Promise<readonly Database[]> {
  const { config_dir } = context.options;
  const directory = join(context.scratch, 'ldap-plan');
  await mkdir(directory, { mode: 0o700 });
  try {
    const file = join(directory, 'config.ldif');
    const place = { cwd: '/', configDirectory: config_dir, ...(await ownerOf(config_dir)) };
    await slapcat(file, ['-n', '0'], place, context);
    return await databasesIn(file);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function account({ exec, signal }: Context): Promise<{ uid: number; gid: number }> {
  const { stdout } = await exec('getent', ['passwd', ACCOUNT], {
    timeoutMs: LOOKUP_TIMEOUT_MS,
    signal,
    accept: [0, 2],
  });
  const [, , uid = '', gid = ''] = stdout.split(':');
  if (/^\d+$/.test(uid) && /^\d+$/.test(gid)) return { uid: Number(uid), gid: Number(gid) };
  throw new BackupError('failed', `There is no account ${ACCOUNT} on this host. Install the package slapd.`);
}
