// SPDX-License-Identifier: AGPL-3.0-or-later
import { isAbsolute, normalize } from 'node:path';
import { isSystemDirectory } from '@local-backup/common/config/values';
import { type Entry, readEntries, valuesOf } from './ldif.ts';

/** A database of slapd, as its configuration describes it. */
export interface Database {
  /** `mdb`, `ldap`, ... */
  readonly kind: string;
  readonly suffix: string;
  /** Where its files are; undefined for one that keeps none. */
  readonly directory: string | undefined;
}

/** Databases that have entries of their own; the others ask somebody else, or are made up. */
const KEEPS_ENTRIES: ReadonlySet<string> = new Set(['mdb', 'hdb', 'bdb', 'ldif', 'wt', 'ndb', 'sql']);

/** Where Debian and others have the modules of slapd; what is there belongs to root. */
const MODULE_PATH = /^\/usr\/(?:local\/)?(?:lib|lib64|libexec)\/(?:[a-z0-9_-]+\/)?(?:ldap|openldap)\/?$/;

/** Backends that run code which the configuration names. */
const RUNS_CODE = /^back_(?:perl|shell|sock)/;

const MODULE_NAME = /^[A-Za-z0-9_-]+(?:\.la|\.so)?$/;

/** Databases with a suffix, in the order of the configuration. */
export async function databasesIn(file: string): Promise<readonly Database[]> {
  const databases: Database[] = [];
  for await (const entry of readEntries(file)) {
    const [kind] = valuesOf(entry, 'olcDatabase');
    const [suffix] = valuesOf(entry, 'olcSuffix');
    if (kind === undefined || suffix === undefined) continue;
    const [directory] = valuesOf(entry, 'olcDbDirectory');
    databases.push({ kind: withoutNumber(kind), suffix, directory });
  }
  return databases.filter(({ kind }) => kind !== 'monitor' && kind !== 'config');
}

export function keepsEntries({ kind }: Database): boolean {
  return KEEPS_ENTRIES.has(kind);
}

/** What makes a configuration too dangerous to be loaded as it is: it may come from a machine that was taken over. */
export async function dangersIn(file: string): Promise<readonly string[]> {
  const dangers: string[] = [];
  for await (const entry of readEntries(file)) {
    const paths = valuesOf(entry, 'olcModulePath').filter((path) => !MODULE_PATH.test(path));
    const modules = modulesOf(entry).filter((name) => !MODULE_NAME.test(name) || RUNS_CODE.test(name));
    const directories = valuesOf(entry, 'olcDbDirectory').filter((path) => !isPlain(path));
    dangers.push(...[...paths, ...modules].map((name) => `it loads the module ${JSON.stringify(name)}`));
    dangers.push(
      ...directories.map((path) => `a database is in ${JSON.stringify(path)}, which is no directory of its own`),
    );
  }
  return dangers;
}

/** A directory of a service's own: not one of the system, and written without detours. */
function isPlain(path: string): boolean {
  return isAbsolute(path) && normalize(path) === path && !isSystemDirectory(path);
}

/** Attributes of schema entries; nothing else of a saved configuration gets into a throw-away one. */
const SCHEMA = [
  'cn',
  'olcObjectIdentifier',
  'olcLdapSyntaxes',
  'olcAttributeTypes',
  'olcObjectClasses',
  'olcDitContentRules',
];

/** Entries of the schema, with nothing but definitions in them; and modules that may define more, by plain names. */
export async function schemaIn(
  file: string,
): Promise<{ readonly schema: readonly string[]; readonly modules: readonly string[] }> {
  const schema: string[] = [];
  const modules = new Set<string>();
  for await (const entry of readEntries(file)) {
    for (const name of modulesOf(entry)) if (MODULE_NAME.test(name)) modules.add(name.replace(/\.(?:la|so)$/, ''));
    if (!valuesOf(entry, 'objectClass').includes('olcSchemaConfig')) continue;
    const name = valuesOf(entry, 'cn').find((value) => /^\{\d+\}[A-Za-z0-9_-]+$/.test(value));
    if (name === undefined) continue;
    const lines = entry.filter((line) => SCHEMA.includes(line.slice(0, line.indexOf(':'))));
    schema.push([`dn: cn=${name},cn=schema,cn=config`, 'objectClass: olcSchemaConfig', ...lines].join('\n'));
  }
  return { schema, modules: [...modules] };
}

function modulesOf(entry: Entry): string[] {
  return valuesOf(entry, 'olcModuleLoad').map((value) => withoutNumber(value).split(/\s/)[0] ?? '');
}

function withoutNumber(value: string): string {
  return value.replace(/^\{-?\d+\}/, '');
}
