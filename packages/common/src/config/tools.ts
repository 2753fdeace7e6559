// SPDX-License-Identifier: AGPL-3.0-or-later
import { commandLine, wordsOf } from './values.ts';

/**
 * External programs that a configuration can name. `key` is the setting in common_config; in YAML it is `<name>_cmd`.
 * Only those that a run needs have to be installed.
 */
const TOOLS = {
  tar: { key: 'TAR_CMD', words: 'tar', use: 'GNU tar, which writes and unpacks archives.' },
  rsync: { key: 'RSYNC_CMD', words: 'rsync', use: 'rsync.' },
  docker: { key: 'DOCKER_CMD', words: 'docker compose', use: 'Docker Compose, with its first arguments.' },
  pg_dump: { key: 'PG_DUMP_CMD', words: 'pg_dump', use: 'Dumps PostgreSQL databases.' },
  mysqldump: { key: 'MYSQL_DUMP_CMD', words: 'mysqldump', use: 'Dumps MySQL and MariaDB databases.' },
  msmtp: { key: 'MSMTP_CMD', words: '', use: 'Sends mail; anything that takes recipients as arguments will do.' },
  restic: { key: 'RESTIC_CMD', words: 'restic', use: 'restic, on the server.' },
  gzip: { key: 'GZIP_CMD', words: 'gzip', use: 'Accepted for old files; archives are compressed without it.' },
  influx: { key: 'INFLUX_CMD', words: 'influx', use: 'Saves InfluxDB 2 databases.' },
  univention_backup: { key: 'UNIVENTION_BACKUP_CMD', words: 'univention-backup', use: 'Univention system backup.' },
  yq: { key: 'YQ_CMD', words: 'yq', use: 'Accepted for old files; not used.' },
  jq: { key: 'JQ_CMD', words: 'jq', use: 'Accepted for old files; not used.' },
  ssh: { key: 'SSH_CMD', words: 'ssh', use: 'Accepted for old files; not used.' },
  scp: { key: 'SCP_CMD', words: 'scp', use: 'Accepted for old files; not used.' },
} as const;

export type ToolName = keyof typeof TOOLS;

/** Program and first arguments of every tool; no words for a tool without a default that was not configured. */
export type Tools = Readonly<Record<ToolName, readonly string[]>>;

const NAMES = Object.keys(TOOLS) as ToolName[];

/** `X_CMD` keys for the schema of common_config. */
export const toolVariables = Object.fromEntries(NAMES.map((name) => [TOOLS[name].key, toolSchema(name)])) as Readonly<
  Record<string, ReturnType<typeof toolSchema>>
>;

/** `x_cmd` keys for the schema of a YAML file. */
export function toolKeys<Name extends ToolName>(names: readonly Name[]) {
  type Shape = { readonly [Key in `${Name}_cmd`]: ReturnType<typeof toolSchema> };
  return Object.fromEntries(names.map((name) => [`${name}_cmd`, toolSchema(name)])) as Shape;
}

/** The commands that count: the first of `layers` that names one, else the default. Keys as in YAML or common_config. */
export function toolsOf(...layers: readonly Readonly<Record<string, unknown>>[]): Tools {
  const entries = NAMES.map((name) => {
    const given = layers.flatMap((layer) => [layer[`${name}_cmd`], layer[TOOLS[name].key]]);
    const words = given.map((text) => (typeof text === 'string' ? wordsOf(text) : [])).find((list) => list.length > 0);
    return [name, words ?? wordsOf(TOOLS[name].words)];
  });
  return Object.fromEntries(entries) as Tools;
}

function toolSchema(name: ToolName) {
  const { words, use } = TOOLS[name];
  const shown = words === '' ? '`msmtp`, else `/usr/sbin/sendmail`' : `\`${words}\``;
  const example = words === '' ? '/usr/bin/msmtp' : words;
  return commandLine
    .optional()
    .describe(use)
    .meta({ 'x-default': shown, examples: [example] });
}
