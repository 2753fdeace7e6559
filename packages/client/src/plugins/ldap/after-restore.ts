// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import { sleep } from '@local-backup/common/sleep';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { whoHasOpen } from '../../plugin-tools/open-files.ts';
import { contentsOf } from './ldif.ts';
import type { LdapOptions } from './options.ts';
import { suffixName } from './record.ts';
import { isBelow, sameSuffix } from './save.ts';
import { ownerOf, slapcat } from './slap-tools.ts';
import type { Targets } from './targets.ts';

type Context = RestoreContext<LdapOptions>;

type Database = Targets['databases'][number];

type Verdict = Omit<Check, 'name'>;

/** slapd may not have opened its files yet; that it is not there at all takes no longer to find out. */
const OPEN_WAIT_MS = 3_000;

const POLL_MS = 250;

const ASK_TIMEOUT_MS = 30_000;

/**
 * Right after it was loaded, before slapd is started: as many entries as were saved.
 * @throws BackupError `failed`
 */
export async function requireEntries({ suffix, entries, directory }: Database, context: Context): Promise<void> {
  const found = await countEntries(suffix, directory, context);
  if (found === entries) return;
  throw new BackupError(
    'failed',
    `${suffixName(suffix)} was loaded, and holds ${found} entries; ${entries} were saved. ${directory} is moved back.`,
  );
}

/** slapd has the database open, answers, and knows its suffix. How many entries there are is the service's by now. */
export async function verifyRunning(databases: readonly Database[], context: Context): Promise<readonly Check[]> {
  const checks: Check[] = [];
  for (const database of databases) {
    checks.push({ name: suffixName(database.suffix), ...(await look(database, context)) });
  }
  return checks;
}

async function look({ suffix, directory }: Database, context: Context): Promise<Verdict> {
  const files = [join(directory, 'data.mdb'), join(directory, 'lock.mdb')];
  let holders = await whoHasOpen(files);
  for (let waited = 0; holders.length === 0 && waited < OPEN_WAIT_MS; waited += POLL_MS) {
    await sleep(POLL_MS, context.signal);
    holders = await whoHasOpen(files);
  }
  const entries = await countEntries(suffix, directory, context);
  if (entries === 0) return { status: 'failed', message: 'it holds no entries' };
  const there = `${entries} entries`;
  if (holders.length === 0) return { status: 'skipped', message: `${there}; no slapd runs with it. Start it.` };
  const contexts = await askContexts(holders, context);
  if (typeof contexts === 'string') return { status: 'skipped', message: `${there}; slapd was not asked: ${contexts}` };
  if (isServed(suffix, contexts)) return { status: 'ok', message: `${there}, slapd answers` };
  const names = contexts.map(suffixName).join(', ');
  return { status: 'failed', message: `slapd answers, and has no such suffix. It has: ${names}` };
}

/**
 * Whether a database is one of those that slapd names. Who may not see any gets an answer without; one that is glued to another
 * (`olcSubordinate`) is not named, but what it is below.
 */
export function isServed(suffix: string, contexts: readonly string[]): boolean {
  return contexts.length === 0 || contexts.some((one) => sameSuffix(one, suffix) || isBelow(suffix, one));
}

/** Values of `namingContexts` in what ldapsearch prints; the empty one has nothing behind its colon, not even a blank. */
export function contextsIn(text: string): readonly string[] {
  return [...text.matchAll(/^namingContexts:(:?) ?(.*)$/gim)].map(([, isCoded, value = '']) =>
    isCoded === ':' ? Buffer.from(value, 'base64').toString() : value,
  );
}

async function countEntries(suffix: string, directory: string, context: Context): Promise<number> {
  const file = join(context.scratch, 'proof.ldif');
  try {
    const place = { cwd: '/', configDirectory: context.options.config_dir, ...(await ownerOf(directory)) };
    await slapcat(file, ['-b', suffix], place, context);
    return (await contentsOf(file)).entries;
  } finally {
    await rm(file, { force: true });
  }
}

/**
 * What slapd says that it holds.
 * @param holders programs that have the database open: `slapd (process 123)`
 * @returns why it could not be asked, as text
 */
async function askContexts(holders: readonly string[], context: Context): Promise<readonly string[] | string> {
  if ((await findProgram('ldapsearch')) === undefined) return 'ldapsearch is not installed (package ldap-utils)';
  const { exec, signal } = context;
  const args = ['-x', '-LLL', '-o', 'ldif-wrap=no', '-o', 'nettimeout=10', '-s', 'base', '-b', '', 'namingContexts'];
  let problem = 'nobody knows where it listens';
  for (const url of await addressesOf(holders)) {
    try {
      const { stdout } = await exec('ldapsearch', ['-H', url, ...args], { timeoutMs: ASK_TIMEOUT_MS, signal });
      return contextsIn(stdout);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BackupError)) throw error;
      problem = `${url}: ${error.message}`;
    }
  }
  return problem;
}

/** The URLs behind `-h` of a running slapd; without it `ldap:///` (slapd(8)). */
async function addressesOf(holders: readonly string[]): Promise<readonly string[]> {
  const pid = holders.map((holder) => /^slapd \(process (\d+)\)$/.exec(holder)?.[1]).find((one) => one !== undefined);
  if (pid === undefined) return [];
  const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');
  const at = words.indexOf('-h');
  const given = at === -1 ? ['ldap:///'] : (words[at + 1] ?? '').split(' ');
  return given.filter((url) => /^ldap[is]?:\/\//.test(url));
}
