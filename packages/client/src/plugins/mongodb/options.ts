// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, hostname, line, port } from '@local-backup/common/config/values';
import * as z from 'zod';
import { container } from '../../plugin-tools/container.ts';
import { noPassword } from '../../plugin-tools/no-password.ts';

/** What MongoDB allows on every system, but for the names of its own databases. */
export const databaseName = z
  .string()
  .regex(/^[^\s/\\."$*<>:|?\0]{1,63}$/, 'must be the name of a database: no blanks, none of `/\\."$*<>:|?`');

const CREDENTIALS = "a file of mode 0600 with the line `password: '...'` or `uri: ...`, and name it in `config_file`";

export const options = z.strictObject({
  host: hostname.optional().describe('Host of the server; without it, this one, or that of `uri` in `config_file`.'),
  port: port.optional().describe('Port of the server; without it, 27017, or that of `uri` in `config_file`.'),
  username: line.min(1).optional().describe('User to log in as.'),
  auth_database: databaseName
    .optional()
    .describe('Database that the user belongs to.')
    .meta({ examples: ['admin'] }),
  config_file: absolutePath
    .optional()
    .describe('File of mode 0600 that is given to `mongodump --config`: YAML with `password` or `uri`.')
    .meta({ examples: ['/etc/backup/secret/mongodb.yaml'] }),
  password: noPassword(CREDENTIALS),
  uri: z
    .never(`must not be in a service.yaml: put it into ${CREDENTIALS}`)
    .optional()
    .describe('Refused: see `config_file`.'),
  container,
  databases: z
    .array(databaseName)
    .min(1)
    .optional()
    .describe('Databases to save, an archive for each. Without it: all of them, in one archive.')
    .meta({ examples: [['shop']] }),
  drop: z
    .boolean()
    .default(true)
    .describe('Restore: remove a collection before it is loaded. Otherwise only documents that are missing are added.'),
  timeout: duration({ min: '1s' }).prefault('1h').describe('Time limit for each archive.'),
});

export type MongodbOptions = z.infer<typeof options>;
