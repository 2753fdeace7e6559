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
  physical: z
    .boolean()
    .default(false)
    .describe(
      "Copy the server's files by `mariadb-backup` instead of dumping SQL: for databases so large that loading a dump takes too " +
        'long. Only with `database: all`, for a server of this machine, and not for `mysql`.',
    ),
  datadir: absolutePath
    .optional()
    .describe(
      'Only with `physical`: the data directory that a restore replaces. Default: what the server says or, where it does not ' +
        'answer, what its configuration says.',
    )
    .meta({ examples: ['/var/lib/mysql'] }),
  unit: line
    .regex(/^[A-Za-z0-9:_.@\\-]+\.service$/, 'must be the name of a unit, with `.service`')
    .optional()
    .describe(
      'Only with `physical`: the systemd unit of the server, which a restore stops and starts. Default: `mariadb.service`.',
    )
    .meta({ examples: ['mariadb@shop.service'] }),
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
    for (const [key, message] of physicalComplaints(value)) complain(key, message);
  })
  .transform(({ hostname, username, password, ...rest }) => {
    return { ...rest, host: rest.host ?? hostname, user: rest.user ?? username };
  });

export type DatabaseOptions = z.infer<typeof options>;

/** The same for the task key `mysql`. */
export const mysqlOptions = options.refine(({ physical }) => !physical, {
  path: ['physical'],
  message: 'is there only for `mariadb`: mariadb-backup copies no server of MySQL',
});

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

interface PhysicalChoice {
  readonly physical: boolean;
  readonly database: string | readonly string[];
  readonly host?: string | undefined;
  readonly hostname?: string | undefined;
  readonly container?: string | undefined;
  readonly grants?: boolean | undefined;
  readonly lock_tables: boolean;
  readonly dump_options: readonly string[];
  readonly datadir?: string | undefined;
  readonly unit?: string | undefined;
}

/** Names of this machine: the files are read here. */
const HERE = new Set([undefined, 'localhost', '127.0.0.1', '::1']);

/** Keys that do not go together with `physical`, or not without it, each with what is wrong. */
function physicalComplaints(value: PhysicalChoice): readonly (readonly [string, string])[] {
  if (!value.physical) {
    const useless = (['datadir', 'unit'] as const).filter((key) => value[key] !== undefined);
    return useless.map((key) => [key, 'counts only with `physical: true`'] as const);
  }
  const { database, host, hostname, container: inside, grants, lock_tables, dump_options } = value;
  const complaints: (readonly [string, string, boolean])[] = [
    ['database', 'must be `all` with `physical`: the files of a server are copied as a whole', database !== 'all'],
    ['host', 'must be this machine with `physical`: the files are read here', !HERE.has(host ?? hostname)],
    ['container', 'does not go together with `physical`: dump the databases instead', inside !== undefined],
    ['grants', 'is useless with `physical`: the accounts are in the files', grants !== undefined],
    ['lock_tables', 'is useless with `physical`', lock_tables],
    ['dump_options', 'is useless with `physical`: nothing is dumped', dump_options.length > 0],
  ];
  return complaints.filter(([, , isWrong]) => isWrong).map(([key, message]) => [key, message] as const);
}
