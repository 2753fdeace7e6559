// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { type Database, databasesIn, keepsEntries } from './config-ldif.ts';
import { contentsOf } from './ldif.ts';
import type { LdapOptions } from './options.ts';
import { CONFIG, placeOf, RECORD, type Saved, type SavedDatabase, suffixName } from './record.ts';
import { ownerOf, requirePrograms, slapcat } from './slap-tools.ts';

type Context = PluginContext<LdapOptions>;

/** @throws BackupError where a run could not succeed */
export async function validate({ options }: Context): Promise<readonly string[]> {
  await requirePrograms();
  const facts = await stat(join(options.config_dir, 'cn=config.ldif')).catch(() => undefined);
  if (facts !== undefined) return [];
  throw new BackupError(
    'config',
    `${options.config_dir} holds no configuration of slapd (cn=config.ldif). Correct \`config_dir\`; a slapd.conf is ` +
      'turned into such a directory by: slaptest -f slapd.conf -F DIRECTORY',
  );
}

export async function save(context: Context): Promise<TaskResult> {
  const { stage, options } = context;
  await mkdir(join(stage, 'ldap', 'data'), { recursive: true, mode: 0o700 });
  const place = { cwd: '/', configDirectory: options.config_dir, ...(await ownerOf(options.config_dir)) };
  const config = join(stage, CONFIG);
  await slapcat(config, ['-n', '0'], place, context);
  const { chosen, warnings } = choose(await databasesIn(config), options.suffixes);
  const databases: SavedDatabase[] = [];
  for (const { suffix } of chosen) {
    const file = join(stage, placeOf(suffix));
    await slapcat(file, ['-b', suffix], place, context).catch((error: unknown) => {
      throw error instanceof BackupError ? new BackupError('failed', `${suffixName(suffix)}: ${error.message}`) : error;
    });
    databases.push({ suffix, entries: (await contentsOf(file)).entries });
  }
  const saved: Saved = { format: 1, config: (await contentsOf(config)).entries, databases };
  await writeFile(join(stage, RECORD), `${JSON.stringify(saved, undefined, 2)}\n`, { mode: 0o600 });
  return {
    warnings,
    tables: new Map(databases.map(({ suffix, entries }) => [suffix === '' ? '""' : suffix, entries])),
  };
}

/** @throws BackupError `failed` where a suffix of the options is not there, or nothing is */
function choose(databases: readonly Database[], suffixes: readonly string[] | undefined) {
  const own = databases.filter(keepsEntries);
  const there = own.map(({ suffix }) => suffixName(suffix)).join(', ') || 'none';
  const missing = (suffixes ?? []).filter((wanted) => !own.some(({ suffix }) => sameSuffix(suffix, wanted)));
  if (missing.length > 0) {
    const what = `slapd has no database ${missing.map(suffixName).join(', ')}; it has: ${there}.`;
    throw new BackupError('failed', `${what} Correct \`suffixes\`.`);
  }
  const chosen = own.filter(({ suffix }) => suffixes?.some((wanted) => sameSuffix(suffix, wanted)) ?? true);
  if (chosen.length === 0) throw new BackupError('failed', 'slapd has no database with entries of its own.');
  const elsewhere = suffixes === undefined ? databases.filter((database) => !keepsEntries(database)) : [];
  const warnings = elsewhere.map(
    ({ suffix, kind }) =>
      `${suffixName(suffix)} (${kind}) is not saved: its entries are elsewhere. Name the others in \`suffixes\`.`,
  );
  return { chosen, warnings };
}

/** As slapd compares the usual ones: without case, and without blanks after commas. */
export function sameSuffix(one: string, other: string): boolean {
  return plain(one) === plain(other);
}

/** Whether one suffix is somewhere below another one; compared as in {@link sameSuffix}. */
export function isBelow(suffix: string, other: string): boolean {
  return plain(suffix).endsWith(`,${plain(other)}`);
}

function plain(suffix: string): string {
  return suffix.toLowerCase().replace(/\s*([,=])\s*/g, '$1');
}
