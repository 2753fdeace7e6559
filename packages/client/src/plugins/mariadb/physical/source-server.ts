// SPDX-License-Identifier: AGPL-3.0-or-later
import { realpath, statfs } from 'node:fs/promises';
import { basename } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import type { PluginContext } from '../../../plugin.ts';
import { fromHex, SYSTEM_DATABASES } from '../names.ts';
import type { DatabaseOptions } from '../options.ts';
import type { Server } from '../server.ts';
import { type DataFiles, listData } from './data-files.ts';
import { holdersOf } from './holders.ts';
import { type PhysicalRecord, seriesNumber } from './record.ts';

/** What has to be known of a server before its files can be copied. */
export interface SourceServer {
  readonly version: string;
  /** Its data directory, links resolved. */
  readonly datadir: string;
  readonly variables: PhysicalRecord['variables'];
  /** Name of the program that copies. */
  readonly tool: string;
  readonly files: DataFiles;
  /** Bytes that a copy takes. */
  readonly needed: number;
}

type Context = Pick<PluginContext<DatabaseOptions>, 'exec' | 'signal'>;

/** The second name is the older one. */
const TOOLS = ['mariadb-backup', 'mariabackup'];

const VERSION_TIMEOUT_MS = 60_000;

/** Where files of a server may lie elsewhere than in its data directory; empty, `.` and `./` mean there. */
const PLACES = ['innodb_data_home_dir', 'innodb_log_group_home_dir', 'innodb_undo_directory', 'aria_log_dir_path'];

const VARIABLES = ['innodb_page_size', 'innodb_data_file_path', 'lower_case_table_names'] as const;

/**
 * Finds out whether the files of a server can be copied: program, version, rights, and where they are.
 * @throws BackupError `config` or `failed` with everything that is in the way
 */
export async function lookAtSource(server: Server, context: Context): Promise<SourceServer> {
  const values = await variablesOf(server);
  const version = values.get('version') ?? '';
  if (!/mariadb/i.test(version)) {
    throw new BackupError(
      'config',
      `\`physical\` copies servers of MariaDB; this one is ${version}. Dump its databases.`,
    );
  }
  const tool = await requireTool(version, context);
  const datadir = await requireHere(values.get('datadir') ?? '');
  const files = await listData(datadir);
  const complaints = [
    ...elsewhere(values, { datadir, files }),
    ...(await encryption(server)),
    ...(await lackingRights(server, version)),
  ];
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  const value = (name: (typeof VARIABLES)[number]) => values.get(name) ?? '';
  const variables = {
    innodb_page_size: value('innodb_page_size'),
    innodb_data_file_path: value('innodb_data_file_path'),
    lower_case_table_names: value('lower_case_table_names'),
  };
  return { version, datadir, variables, tool, files, needed: bytesToCopy(files, values) };
}

/**
 * Refuses to begin a copy for which there is no room.
 * @throws BackupError `failed`
 */
export async function requireRoom({ needed, datadir }: SourceServer, directory: string): Promise<void> {
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= needed) return;
  throw new BackupError(
    'failed',
    `No room for a physical copy of ${datadir}: it takes ${formatBytes(needed)} in ${directory}, ${formatBytes(free)} are ` +
      'free. Free some, set another `work_dir`, or dump the databases (`physical: false`).',
  );
}

async function variablesOf(server: Server): Promise<ReadonlyMap<string, string>> {
  const names = ['version', 'datadir', 'log_bin_basename', ...PLACES, ...VARIABLES];
  const list = names.map((name) => `'${name}'`).join(', ');
  const rows = await server.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${list})`);
  return new Map(rows.map(([name = '', value = '']) => [name, value]));
}

/** Another series does not know the format of the log. */
async function requireTool(version: string, { exec, signal }: Context): Promise<string> {
  for (const tool of TOOLS) {
    if ((await findProgram(tool)) === undefined) continue;
    const { stdout, stderr } = await exec(tool, ['--version'], { cwd: '/', timeoutMs: VERSION_TIMEOUT_MS, signal });
    const says = `${stdout}\n${stderr}`;
    if (seriesNumber(says) === seriesNumber(version)) return tool;
    const [is = 'of an unknown version'] = /\d+\.\d+\.\d+\S*/.exec(says) ?? [];
    throw new BackupError(
      'config',
      `${tool} is ${is}, the server ${version}: install the package of the same series, or \`physical: false\`.`,
    );
  }
  throw new BackupError(
    'config',
    `Neither ${TOOLS.join(' nor ')} found in ${searchPathOf()}. Install it: apt install mariadb-backup.`,
  );
}

/** A server in a container answers on a socket here, too; the files of that name may be those of another one. */
async function requireHere(named: string): Promise<string> {
  const datadir = await realpath(named).catch(() => undefined);
  const holders = datadir === undefined ? [] : await holdersOf(datadir);
  if (datadir !== undefined && holders.length > 0) return datadir;
  throw new BackupError(
    'config',
    `The server says that its files are in ${named}, but no program of this machine has them open there: does it run in a ` +
      'container, or elsewhere? Then dump the databases (`physical: false`). Only root can see this.',
  );
}

function elsewhere(
  values: ReadonlyMap<string, string>,
  { datadir, files }: { readonly datadir: string; readonly files: DataFiles },
): string[] {
  const inside = new Set(['', 'NULL', '.', './', datadir, `${datadir}/`, values.get('datadir')]);
  const complaints = PLACES.filter((name) => !inside.has(values.get(name) ?? '')).map(
    (name) =>
      `${name} is ${values.get(name)}, not the data directory: a restore would not know what is to be replaced there.`,
  );
  const path = values.get('innodb_data_file_path') ?? '';
  if (path.includes('/')) complaints.push(`innodb_data_file_path is ${path}: files outside of the data directory.`);
  const links = files.files.map(({ path: file }) => file).filter((file) => file.endsWith('.isl'));
  const linked = files.others.filter((file) => file.includes('/'));
  for (const file of [...links, ...linked].slice(0, 5)) {
    complaints.push(`${datadir}/${file}: a table lies outside of the data directory (DATA DIRECTORY).`);
  }
  return complaints.map((text) => `${text} Dump the databases (\`physical: false\`).`);
}

async function encryption(server: Server): Promise<string[]> {
  const rows = await server.query(
    "SELECT PLUGIN_NAME FROM information_schema.PLUGINS WHERE PLUGIN_TYPE = 'ENCRYPTION' AND PLUGIN_STATUS = 'ACTIVE'",
  );
  return rows.map(([name]) => `The files are encrypted by plugin ${name}: dump the databases (\`physical: false\`).`);
}

/** Of an account; what it has by a role is not looked through. */
async function lackingRights(server: Server, version: string): Promise<string[]> {
  const rows = await server.query(
    'SELECT PRIVILEGE_TYPE, HEX(GRANTEE), HEX(CURRENT_USER()), CURRENT_ROLE() FROM information_schema.USER_PRIVILEGES',
  );
  if (rows.some(([, , , role = 'NULL']) => role !== 'NULL')) return [];
  const [[, , hex = ''] = []] = rows;
  const [user = '', host = ''] = splitAccount(fromHex(hex));
  const own = rows
    .filter(([, grantee = '']) => fromHex(grantee) === `'${user}'@'${host}'`)
    .map(([right = '']) => right);
  const monitor = seriesNumber(version) >= 10_005 ? 'BINLOG MONITOR' : 'REPLICATION CLIENT';
  const lacking = ['RELOAD', 'PROCESS', 'LOCK TABLES', monitor].filter((right) => !own.includes(right));
  if (lacking.length === 0) return [];
  return [`The account lacks rights: GRANT ${lacking.join(', ')} ON *.* TO '${user}'@'${host}'`];
}

function splitAccount(account: string): readonly [string, string] {
  const at = account.lastIndexOf('@');
  return [account.slice(0, at), account.slice(at + 1)];
}

/** Temporary tables, the log of InnoDB and the binary log are not copied. */
function bytesToCopy({ files }: DataFiles, values: ReadonlyMap<string, string>): number {
  const binlog = basename(values.get('log_bin_basename') ?? '');
  const isLeftOut = (path: string) =>
    /^(?:ibtmp|ib_logfile|ib_buffer_pool)/.test(path) || (binlog !== '' && path.startsWith(`${binlog}.`));
  return files.filter(({ path }) => !isLeftOut(path)).reduce((sum, { allocated }) => sum + allocated, 0);
}

/** A table, and the names of its files. */
export interface SourceTable {
  readonly database: string;
  readonly name: string;
  readonly engine: string;
  /** `shop/my@002dtable`, without extension */
  readonly path: string;
}

/** Every table of a server that this account sees, but views, sequences and those of the server itself. */
export async function tablesOfSource(server: Server): Promise<readonly SourceTable[]> {
  const own = SYSTEM_DATABASES.map((name) => `'${name}'`).join(', ');
  const rows = await server.query(
    'SELECT HEX(TABLE_SCHEMA), HEX(TABLE_NAME), ENGINE, HEX(CONVERT(TABLE_SCHEMA USING filename)), ' +
      `HEX(CONVERT(TABLE_NAME USING filename)) FROM information_schema.TABLES WHERE LOWER(TABLE_SCHEMA) NOT IN (${own}) ` +
      "AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') ORDER BY TABLE_SCHEMA, TABLE_NAME",
  );
  return rows.map(([database = '', name = '', engine = '', directory = '', file = '']) => ({
    database: fromHex(database),
    name: fromHex(name),
    engine: engine === 'NULL' ? 'unknown' : engine,
    path: `${fromHex(directory)}/${fromHex(file)}`,
  }));
}
