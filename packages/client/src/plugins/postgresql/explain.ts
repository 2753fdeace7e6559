// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Context } from './server.ts';

/** What to do about what libpq, psql and pg_dump say (LC_ALL is C.UTF-8: they say it in English). */
const ADVICE: readonly (readonly [RegExp, string])[] = [
  [
    /no password supplied|password authentication failed/,
    'Put a line HOST:PORT:DATABASE:USER:PASSWORD into /root/.pgpass (root, mode 0600), or name that file in `passfile`.',
  ],
  [
    /Peer authentication failed|Ident authentication failed/,
    'Over a socket the server takes only the account that is called like the role: correct `user`, or set `host: localhost`.',
  ],
  [/no pg_hba.conf entry/, 'Allow this login in pg_hba.conf of the server.'],
  [
    /Connection refused|No such file or directory|could not translate host name|timeout expired|No route to host/,
    'Is the server running? (systemctl status postgresql; `host`, `port` and `container` of the task)',
  ],
  [/role ".*" does not exist/, 'Correct `user`.'],
  [/database ".*" does not exist/, 'Correct `database`.'],
  [
    /permission denied for (?:table|relation) pg_authid/,
    'Only a superuser can read the passwords of roles: correct `user`, or set `globals: false`.',
  ],
  [/permission denied/, 'Use a role that may read everything: a superuser, or a member of pg_read_all_data.'],
  [/server version mismatch/, 'Install a pg_dump of at least the version of the server, and name it in `pg_dump_cmd`.'],
  [
    /canceling statement due to (?:lock|statement) timeout/,
    'Somebody holds a lock on a table (see pg_locks): end that, or raise `lock_timeout`.',
  ],
  [/No such container|is not running/, 'Start the container, or correct `container`.'],
];

/** The same failure, with what to do next where that is known. */
export function explainFailure(error: unknown, { signal }: Pick<Context, 'signal'>): unknown {
  if (signal.aborted || !(error instanceof BackupError)) return error;
  const advice = ADVICE.find(([pattern]) => pattern.test(error.message))?.[1];
  if (advice === undefined) return error;
  return new BackupError(error.code, `${error.message}\n${advice}`, { cause: error });
}
