// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration, hostname, line, port } from '@local-backup/common/config/values';
import * as z from 'zod';
import { container } from '../../plugin-tools/container.ts';
import { noPassword } from '../../plugin-tools/no-password.ts';

const pattern = line.min(1);

/** Where `redis-cli` of Debian would look, too. */
const DEFAULT_PORT = 6379;

/** All authorities that Debian believes (package ca-certificates). */
const SYSTEM_CA = '/etc/ssl/certs/ca-certificates.crt';

const tls = z
  .strictObject({
    ca_file: absolutePath
      .default(SYSTEM_CA)
      .describe('Certificates (PEM) of the authorities of which one must have signed that of the server.')
      .meta({ examples: ['/etc/redis/tls/ca.crt'] }),
    cert_file: absolutePath
      .optional()
      .describe(
        'Certificate (PEM) of this client, with those between it and its authority: for a server that demands one.',
      )
      .meta({ examples: ['/etc/backup/secret/redis.crt'] }),
    key_file: absolutePath
      .optional()
      .describe('Its key (PEM, without a passphrase): a file of mode 0600.')
      .meta({ examples: ['/etc/backup/secret/redis.key'] }),
    server_name: hostname
      .optional()
      .describe('Name that the certificate of the server must be for. Without it, `host`.')
      .meta({ examples: ['redis.example.org'] }),
  })
  .refine(({ cert_file, key_file }) => (cert_file === undefined) === (key_file === undefined), {
    path: ['cert_file'],
    message: 'must be given with `key_file`, and that with it',
  });

export type TlsOptions = z.infer<typeof tls>;

export const options = z
  .strictObject({
    host: hostname.default('127.0.0.1').describe('Host of the server.'),
    port: port.default(DEFAULT_PORT).describe('Port of the server.'),
    socket: absolutePath
      .optional()
      .describe('Socket of the server, instead of `host` and `port`.')
      .meta({ examples: ['/run/redis/redis-server.sock'] }),
    container,
    user: line.min(1).optional().describe('User of the ACL; without it, the password is that of `default`.'),
    password_file: absolutePath
      .optional()
      .describe('File of mode 0600 that holds the password, and nothing else.')
      .meta({ examples: ['/etc/backup/secret/redis'] }),
    password: noPassword('a file of mode 0600, and name it in `password_file`'),
    tls: tls
      .optional()
      .describe(
        'Connect by TLS. The certificate of the server is always checked; `{}` believes the authorities of Debian.',
      ),
    method: z
      .enum(['rdb', 'bgsave'])
      .default('rdb')
      .describe(
        'How all data are saved: `rdb` lets the server send them, as to a replica; `bgsave` lets it write its own file, which ' +
          'is then copied (the server must be on this host).',
      ),
    keys: z
      .array(pattern)
      .min(1)
      .optional()
      .describe('Save only keys of these patterns (as of the command KEYS), one by one, instead of all data.')
      .meta({ examples: [['module/shop1/*']] }),
    database: z.int().min(0).default(0).describe('Number of the database that `keys` are in.'),
    allow_missing: z.boolean().default(false).describe('Accept that a pattern of `keys` matches no key.'),
    timeout: duration({ min: '1s' }).prefault('1h').describe('Time limit for saving, and for loading.'),
  })
  .refine(({ socket, container: name }) => socket === undefined || name === undefined, {
    path: ['socket'],
    message: 'must not be given with `container`: sockets inside of it cannot be reached',
  })
  .refine((task) => task.tls === undefined || (task.socket === undefined && task.container === undefined), {
    path: ['tls'],
    message: 'belongs to `host` and `port`, not to `socket` or `container`',
  })
  .refine(({ method, container: name }) => method === 'rdb' || name === undefined, {
    path: ['method'],
    message: 'must be `rdb` with `container`: the file is inside of it',
  });

export type RedisOptions = z.infer<typeof options>;

/** What the two plugins differ in. The first program that is there is taken. */
export interface Flavour {
  /** Key of the task, and directory in the stage. */
  readonly name: 'redis' | 'valkey';
  readonly title: string;
  readonly client: readonly [string, ...string[]];
  readonly server: readonly [string, ...string[]];
  readonly checker: readonly [string, ...string[]];
  /** Debian packages of client and server. */
  readonly clientPackage: string;
  readonly serverPackage: string;
}

/** Context of a stage, with the flavour of the plugin that it belongs to. */
export type Flavoured<Context> = Context & { readonly flavour: Flavour };
