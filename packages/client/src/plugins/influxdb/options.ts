// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, line } from '@local-backup/common/config/values';
import * as z from 'zod';
import { container } from '../../plugin-tools/container.ts';

const name = z.string().regex(/^[^-\0\r\n][^\0\r\n]*$/, 'must be a name in one line that does not begin with `-`');

const names = z.union([name.transform((one) => [one]), z.array(name).min(1)]);

export const options = z
  .strictObject({
    version: z
      .union([z.literal(1), z.literal(2)])
      .optional()
      .describe('Of InfluxDB. 2 where `org` is given, else 1.')
      .meta({ examples: [1] }),
    host: line
      .optional()
      .describe(
        'Version 2: address of the server, `http://localhost:8086`. Version 1: address of its backup service (`bind-address` ' +
          'in influxdb.conf), `127.0.0.1:8088`.',
      )
      .meta({ 'x-default': 'as in the description' }),
    api: line
      .prefault('127.0.0.1:8086')
      .describe('Version 1: address that queries go to, for a restore. Where it asks for a login: `credentials_file`.'),
    database: names
      .optional()
      .describe('Version 1: databases to save. Without it all of them.')
      .meta({ examples: ['telegraf'] }),
    org: line
      .optional()
      .describe('Version 2: organisation whose buckets are saved.')
      .meta({ examples: ['example'] }),
    bucket: names
      .optional()
      .describe('Version 2: buckets to save. Without it all of them.')
      .meta({ examples: ['telegraf'] }),
    token_file: absolutePath
      .optional()
      .describe('Version 2: file with the token and nothing else: owned by root, mode 0600.')
      .meta({ examples: ['/etc/backup/influx.token'] }),
    token: z
      .string()
      .min(1)
      .optional()
      .describe('Version 2: the token itself, for old files: better `token_file`.')
      .meta({ 'x-old': true }),
    credentials_file: absolutePath
      .optional()
      .describe('Version 1: file with `user:password` of an admin and nothing else: owned by root, mode 0600.')
      .meta({ examples: ['/etc/backup/influx.login'] }),
    container,
    timeout: duration({ min: '1s' }).prefault('2h').describe('Time limit of each program that is called.'),
  })
  .superRefine(({ version, org, bucket, database, token, token_file }, context) => {
    const complain = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    const isTwo = version === 2 || (version === undefined && org !== undefined);
    if (isTwo && org === undefined) complain('version', 'InfluxDB 2 needs `org`');
    if (isTwo && token === undefined && token_file === undefined) complain('org', 'InfluxDB 2 needs `token_file`');
    if (token !== undefined && token_file !== undefined) complain('token', 'write either `token` or `token_file`');
    if (isTwo && database !== undefined) complain('database', 'belongs to InfluxDB 1: of version 2 it is `bucket`');
    if (!isTwo && bucket !== undefined) complain('bucket', 'belongs to InfluxDB 2, which needs `org`');
  });

export type InfluxOptions = z.infer<typeof options>;
