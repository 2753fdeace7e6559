// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, line, port, wordsOf } from '@local-backup/common/config/values';
import * as z from 'zod';
import { container } from '../../plugin-tools/container.ts';
import { noPassword } from '../../plugin-tools/no-password.ts';
import { dumpOptionComplaint } from './dump-options.ts';
import { nameComplaint } from './names.ts';

const name = z.string().superRefine((value, context) => {
  const message = value === 'all' ? undefined : nameComplaint(value);
  if (message !== undefined) context.addIssue({ code: 'custom', message });
});

const names = z
  .array(name)
  .min(1)
  .refine((list) => !list.includes('all'), 'must be `all` alone, not in a list')
  .refine((list) => new Set(list).size === list.length, 'must not name a database twice');

const words = z.union([line, z.array(line)]).transform((value) => (typeof value === 'string' ? wordsOf(value) : value));

const dumpOptions = words.superRefine((list, context) => {
  for (const word of list) {
    const message = dumpOptionComplaint(word);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  }
});

const shape = z.strictObject({
  database: z
    .union([name, names])
    .describe(
      'Database, list of databases, or `all`: every database but those of the server itself (`information_schema`, ' +
        '`performance_schema`, `sys`, and `mysql`, whose accounts are saved by `grants`).',
    )
    .meta({ examples: ['shop', ['shop', 'wiki'], 'all'] }),
  host: line
    .min(1)
    .optional()
    .describe('Host of the server. Without it, or with `localhost`: this machine, by its socket.')
    .meta({ examples: ['db.example.org'] }),
  hostname: line.min(1).optional().describe('The same as `host`.'),
  port: port
    .optional()
    .describe('TCP port of the server. Default: 3306.')
    .meta({ examples: [3306] }),
  socket: absolutePath.optional().describe('Socket of the server, where it is not at its usual place.'),
  user: line
    .min(1)
    .optional()
    .describe(
      "Account of the server. Without it: the one of the credentials file, else root by the socket (Debian's way).",
    )
    .meta({ examples: ['backup'] }),
  username: line.min(1).optional().describe('The same as `user`.'),
  password: noPassword('a file of mode 0600 like /root/.my.cnf, under `[client]`, as `password=...`'),
  defaults_file: absolutePath
    .optional()
    .describe(
      'File of root, mode 0600, with `[client]`, `user=` and `password=`. Default: `/root/.my.cnf`, where there is one and ' +
        'the server is not in a container. With `container` it is a file of this machine, handed over by standard input.',
    )
    .meta({ examples: ['/root/.my.cnf'] }),
  container,
  grants: z
    .boolean()
    .optional()
    .describe(
      'Save all accounts of the server and their grants, without those of the server itself. Default: only with ' +
        '`database: all`.',
    ),
  lock_tables: z
    .boolean()
    .default(false)
    .describe(
      'Lock the tables of a database against writing while it is dumped. Needed for a consistent dump of tables without ' +
        'transactions (MyISAM, Aria); writers wait meanwhile.',
    ),
  dump_options: dumpOptions
    .prefault([])
    .describe('Further options of the dump program, by their long names.')
    .meta({ examples: ['--ignore-table=shop.sessions', ['--order-by-primary']] }),
  timeout: duration({ min: '1s' })
    .prefault('6h')
    .describe(
      'Time limit for the dump of a database, or for loading one. `task_timeout` of client_config.yml may be lower.',
    ),
});

export const options = shape
  .superRefine((value, context) => {
    const complain = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (bothDiffer(value.host, value.hostname)) complain('hostname', 'must not differ from `host`: it means the same');
    if (bothDiffer(value.user, value.username)) complain('username', 'must not differ from `user`: it means the same');
    const host = value.host ?? value.hostname ?? 'localhost';
    if (value.socket !== undefined && host !== 'localhost') complain('socket', 'must not be set together with a host');
  })
  .transform(({ hostname, username, password, ...rest }) => {
    return { ...rest, host: rest.host ?? hostname, user: rest.user ?? username };
  });

export type DatabaseOptions = z.infer<typeof options>;

/** The databases that a task names; undefined for `all`. */
export function namedDatabases({ database }: Pick<DatabaseOptions, 'database'>): readonly string[] | undefined {
  if (database === 'all') return undefined;
  return typeof database === 'string' ? [database] : database;
}

/** Whether the accounts are saved. */
export function savesGrants({ grants, database }: Pick<DatabaseOptions, 'grants' | 'database'>): boolean {
  return grants ?? database === 'all';
}

function bothDiffer(one: string | undefined, other: string | undefined): boolean {
  return one !== undefined && other !== undefined && one !== other;
}
