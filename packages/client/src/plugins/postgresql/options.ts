// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, line, port, ruleAbout } from '@local-backup/common/config/values';
import * as z from 'zod';
import { container } from '../../plugin-tools/container.ts';
import { noPassword } from '../../plugin-tools/no-password.ts';
import { dumpOptionComplaints } from './dump-options.ts';

const filled = line.min(1);

/** PostgreSQL cuts longer names off: two of them could become one. */
const LONGEST_NAME = 63;

const databaseName = z
  .string()
  .min(1)
  .refine((name) => !name.includes('\0'), 'must not hold a NUL character')
  .refine((name) => Buffer.byteLength(name) <= LONGEST_NAME, `must have at most ${LONGEST_NAME} bytes`);

const dumpOptions = z
  .union([line.transform((text) => text.split(/\s+/).filter((word) => word !== '')), z.array(line)])
  .superRefine((words, context) => {
    for (const message of dumpOptionComplaints(words)) context.addIssue({ code: 'custom', message });
  });

export const options = z
  .strictObject({
    database: z
      .union([databaseName, z.array(databaseName).min(1)])
      .describe(
        'Name of a database, or a list of names, or `all`: every database of the server that allows connections, but ' +
          'template1. A database that is called "all" is written as a list: `[all]`.',
      )
      .meta({ examples: ['shop', ['shop', 'wiki']] }),
    host: filled
      .optional()
      .describe('Host name or address, or the directory of a socket. Without it the socket where the server has it.')
      .meta({ examples: ['localhost', '/var/run/postgresql'] }),
    hostname: filled.optional().describe('The same as `host`.'),
    user: filled
      .optional()
      .describe('Role to log in as. Over a socket, programs run as the account of that name, default `postgres`.'),
    username: filled.optional().describe('The same as `user`.'),
    port: port.optional().describe('Port, if it is not 5432. Counts for sockets too.'),
    container,
    passfile: absolutePath
      .optional()
      .describe('File with passwords, as `.pgpass`, of mode 0600 and root. Default `/root/.pgpass` if there is one.'),
    password: noPassword('a /root/.pgpass of mode 0600'),
    format: z
      .enum(['plain', 'custom', 'directory'])
      .default('plain')
      .describe(
        '`plain`: SQL; `custom`: one file for pg_restore; `directory`: one file per table, dumped by several jobs at ' +
          'once. None is compressed, because restic finds what has not changed.',
      ),
    jobs: z.int().min(1).max(64).default(2).describe('Connections that dump, and load, at once: `format: directory`.'),
    dump_options: dumpOptions
      .default([])
      .describe('Further options of pg_dump that choose what is dumped, as one line or a list of words.')
      .meta({ examples: ['--exclude-table-data=public.sessions --no-comments'] }),
    globals: z
      .boolean()
      .optional()
      .describe('Save the roles too, with their passwords (needs a superuser). Default: true for `database: all`.'),
    lock_timeout: duration({ min: '1s' })
      .prefault('5m')
      .describe('How long to wait for a table that somebody has locked before the dump is a failure.'),
    timeout: duration({ min: '1s' })
      .prefault('6h')
      .describe('Time limit of each dump and each load. `task_timeout` of client_config.yml may be lower.'),
  })
  .refine(
    ({ host, hostname }) => host === undefined || hostname === undefined || host === hostname,
    ruleAbout('hostname', 'must not differ from `host`: they are the same setting'),
  )
  .refine(
    ({ user, username }) => user === undefined || username === undefined || user === username,
    ruleAbout('username', 'must not differ from `user`: they are the same setting'),
  )
  .refine(
    ({ format, container: name }) => format !== 'directory' || name === undefined,
    ruleAbout('format', 'must not be `directory` with `container`: only `plain` and `custom` come out of one'),
  )
  .refine(
    ({ passfile, container: name }) => passfile === undefined || name === undefined,
    ruleAbout('passfile', 'must not be set with `container`: inside it the login over its socket is used'),
  );

export type PostgresqlOptions = z.infer<typeof options>;

/** The databases by name; undefined: all. */
export function databasesOf({ database }: PostgresqlOptions): readonly string[] | undefined {
  if (database === 'all') return undefined;
  return typeof database === 'string' ? [database] : [...new Set(database)];
}

/** Whether roles are saved. */
export function savesGlobals(options: PostgresqlOptions): boolean {
  return options.globals ?? databasesOf(options) === undefined;
}

/** `database shop, plain SQL` */
export function describeTask(options: PostgresqlOptions): string {
  const names = databasesOf(options);
  const what = names === undefined ? 'all databases' : `database${names.length > 1 ? 's' : ''} ${names.join(', ')}`;
  const format = options.format === 'plain' ? 'plain SQL' : `${options.format} format`;
  return `${what}, ${format}${savesGlobals(options) ? ', with roles' : ''}`;
}
