// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, copyFile, mkdir, readdir, realpath, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { giveToThrowAwayUser } from '../../plugin-tools/throw-away-user.ts';
import { schemaIn } from './config-ldif.ts';
import { type Contents, contentsOf } from './ldif.ts';
import type { LdapOptions } from './options.ts';
import { CONFIG, placeOf, readSaved } from './record.ts';
import { NOT_INSTALLED, slapadd, slapcat } from './slap-tools.ts';

type Context = CopyContext<LdapOptions>;

type Verdict = Omit<Check, 'name'>;

/** `quick`: every file is read, its entries are counted. `full`: they are loaded into a throw-away database, and read back. */
export async function verify(context: Context): Promise<readonly Check[]> {
  const saved = await readSaved(context.copy);
  const checks = [await checkFile(CONFIG, saved.config, context)];
  for (const { suffix, entries } of saved.databases) {
    const check = await checkFile(placeOf(suffix), entries, context, (contents) => load(suffix, contents, context));
    checks.push(check);
  }
  return checks;
}

async function checkFile(
  name: string,
  entries: number,
  context: Context,
  loading?: (contents: Contents) => Promise<Verdict>,
): Promise<Check> {
  try {
    const contents = await contentsOf(await fileInCopy(context.copy, name));
    if (contents.entries !== entries) {
      return { name, status: 'failed', message: `${contents.entries} entries, ${entries} when it was saved` };
    }
    if (context.level === 'quick' || loading === undefined)
      return { name, status: 'ok', message: `${entries} entries` };
    return { name, ...(await loading(contents)) };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    return { name, status: 'failed', message: error.message };
  }
}

/** Nothing of the saved configuration but its schema, and no program of the host's slapd, is used. */
async function load(suffix: string, expected: Contents, context: Context): Promise<Verdict> {
  const program = await findProgram('slapadd');
  if (program === undefined) return { status: 'skipped', message: NOT_INSTALLED };
  const file = await fileInCopy(context.copy, placeOf(suffix));
  const scratch = join(context.scratch, 'ldap');
  await mkdir(scratch, { mode: 0o700 });
  try {
    const { modules, account, add, cat } = await throwAwayConfig(suffix, { file, scratch, program, context });
    const place = { cwd: scratch, configDirectory: './config', ...account };
    await slapadd(join(scratch, 'config.ldif'), ['-n', '0'], { ...place, program: add }, context);
    await slapadd(file, ['-b', suffix], { ...place, program: add }, context);
    const back = join(scratch, 'back.ldif');
    await slapcat(back, ['-b', suffix], { ...place, program: cat }, context);
    const found = await contentsOf(back);
    if (found.digest === expected.digest) return { status: 'ok', message: `loads, ${found.entries} entries${modules}` };
    const message = `what was loaded differs: ${found.entries} entries, of ${expected.entries}`;
    return { status: 'failed', message: showControls(message) };
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Loading {
  readonly file: string;
  readonly scratch: string;
  readonly program: string;
  readonly context: Context;
}

async function throwAwayConfig(suffix: string, { file, scratch, program, context }: Loading) {
  const { schema, modules } = await schemaIn(await fileInCopy(context.copy, CONFIG));
  const there = await modulesHere();
  const loaded = modules.filter((name) => there.has(name));
  const missing = modules.filter((name) => !there.has(name));
  // The rules that AppArmor has for slapd of Debian keep it within its own directories, but not a copy of the program.
  const add = join(scratch, 'slapadd');
  const cat = join(scratch, 'slapcat');
  await copyFile(await realpath(program), add);
  await chmod(add, 0o755);
  await symlink('slapadd', cat);
  const directories = ['config', 'data'].map((name) => join(scratch, name));
  for (const directory of directories) await mkdir(directory, { mode: 0o700 });
  const text = configText({ suffix, schema, modules: loaded, size: (await stat(file)).size });
  await writeFile(join(scratch, 'config.ldif'), text, { mode: 0o600, encoding: 'latin1' });
  const account = await giveToThrowAwayUser(scratch, ...directories);
  // Relative: the directories above are closed to this account.
  return {
    add: './slapadd',
    cat: './slapcat',
    account,
    modules: missing.length === 0 ? '' : ` (without the modules ${missing.join(', ')}, which are not installed)`,
  };
}

const MODULE_PATH = '/usr/lib/ldap';

/** Modules of this machine, by their names. */
async function modulesHere(): Promise<ReadonlySet<string>> {
  const names = await readdir(MODULE_PATH).catch(() => []);
  return new Set(names.filter((name) => name.endsWith('.la')).map((name) => name.slice(0, -'.la'.length)));
}

/** A database takes some times the bytes of its LDIF, with indexes; the file is sparse. */
const SMALLEST_MAP = 1024 ** 3;
const MAP_FACTOR = 8;

function configText(given: {
  readonly suffix: string;
  readonly schema: readonly string[];
  readonly modules: readonly string[];
  readonly size: number;
}): string {
  const { suffix, schema, modules, size } = given;
  const needed = new Set(['back_mdb', ...modules]);
  const loads = [...needed].map((name) => `olcModuleLoad: ${name}`);
  const entries = [
    ['dn: cn=config', 'objectClass: olcGlobal', 'cn: config'],
    [
      'dn: cn=module{0},cn=config',
      'objectClass: olcModuleList',
      'cn: module{0}',
      `olcModulePath: ${MODULE_PATH}`,
      ...loads,
    ],
    ['dn: cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: schema'],
    ...schema.map((entry) => [entry]),
    [
      'dn: olcDatabase={1}mdb,cn=config',
      'objectClass: olcDatabaseConfig',
      'objectClass: olcMdbConfig',
      'olcDatabase: {1}mdb',
      // slapadd takes no empty value in base64.
      suffix === '' ? 'olcSuffix:' : `olcSuffix:: ${Buffer.from(suffix).toString('base64')}`,
      'olcDbDirectory: ./data',
      `olcDbMaxSize: ${Math.max(SMALLEST_MAP, size * MAP_FACTOR)}`,
    ],
  ];
  return `${entries.map((entry) => entry.join('\n')).join('\n\n')}\n\n`;
}
