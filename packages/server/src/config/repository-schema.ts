// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, line, ruleAbout } from '@local-backup/common/config/values';
import * as z from 'zod';
import { HOSTNAME_PLACE } from './repository-location.ts';

/** The backends of restic; a directory of this machine may be written with `local:` too. */
const LOCATION = /^(?:(?:local:)?\/[^\0\r\n]*|(?:sftp|rest|s3|b2|azure|gs|swift|rclone):[^\0\r\n]+)$/;

/** Where repositories are: a directory or a restic location, with `{hostname}` or without. */
export const repositoryLocation = z
  .string()
  .regex(
    LOCATION,
    'must be an absolute path or a restic location such as `sftp:user@host:/path`, `rest:https://host/` or `s3:https://host/bucket`',
  )
  .refine((location) => !/[{}]/.test(location.replaceAll(HOSTNAME_PLACE, '')), {
    error: `must hold no braces but those of \`${HOSTNAME_PLACE}\``,
  })
  .transform((location) => location.replace(/(?<=[^/:])\/+$/, ''))
  .meta({ 'x-type': 'absolute path or restic location' });

/** systemd takes the name of a credential for the name of a file. */
const credential = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'must be the name of a systemd credential: letters, digits, `_`, `.`, `-`')
  .meta({ 'x-type': 'name of a credential' });

/** Where a password and an environment come from. */
const KEYS = {
  password_file: absolutePath
    .optional()
    .describe('File with the password: owned by root, mode 0600.')
    .meta({ examples: ['/etc/backup/restic.pass'] }),
  password_command: line
    .min(1)
    .optional()
    .describe('A command that prints the password, instead of `password_file`.')
    .meta({ examples: ['systemd-creds cat restic'], 'x-instead': true }),
  password_credential: credential
    .optional()
    .describe('systemd credential with the password (`LoadCredential=`), instead of `password_file`.')
    .meta({ examples: ['restic'], 'x-instead': true }),
  environment_file: absolutePath
    .optional()
    .describe('File with what a remote repository needs, `AWS_ACCESS_KEY_ID=...` a line: owned by root, mode 0600.')
    .meta({ examples: ['/etc/backup/restic.env'] }),
  environment_credential: credential
    .optional()
    .describe('systemd credential with such lines, instead of `environment_file`.')
    .meta({ examples: ['restic-env'], 'x-instead': true }),
} as const;

/** For the `restic` section and for each copy. */
export const secretKeys = KEYS;

const ofThisHost = { 'x-default': 'as in `restic`' };

/** For a host whose repository is not like the others. */
export const hostRepositoryKeys = {
  repository: repositoryLocation
    .optional()
    .describe(`Where the repository of this host is; \`${HOSTNAME_PLACE}\` stands for its name.`)
    .meta({ 'x-default': '`<restic.repository_root>/<hostname>`', examples: ['sftp:backup@nas.example.org:/web1'] }),
  restic_password_file: KEYS.password_file
    .describe('File with the password of the repository of this host.')
    .meta({ ...ofThisHost, examples: ['/etc/backup/web1.pass'] }),
  restic_password_command: KEYS.password_command
    .describe('A command that prints the password of the repository of this host.')
    .meta({ ...ofThisHost, examples: ['systemd-creds cat web1'] }),
  restic_password_credential: KEYS.password_credential
    .describe('systemd credential with the password of the repository of this host.')
    .meta({ ...ofThisHost, examples: ['web1'] }),
  restic_environment_file: KEYS.environment_file
    .describe('File with what the repository of this host needs.')
    .meta({ ...ofThisHost, examples: ['/etc/backup/web1.env'] }),
  restic_environment_credential: KEYS.environment_credential
    .describe('systemd credential with what the repository of this host needs.')
    .meta({ ...ofThisHost, examples: ['web1-env'] }),
} as const;

type Section = Readonly<Record<string, unknown>>;
type Rule = readonly [(section: Section) => boolean, ReturnType<typeof ruleAbout>];

/** For `refine`: `key` must not be given beside one of `others`. */
function notBeside(key: string, ...others: readonly string[]): Rule {
  const named = others.map((other) => `\`${other}\``).join(' or ');
  return [
    (section) => section[key] === undefined || others.every((other) => section[other] === undefined),
    ruleAbout(key, `must not be given beside ${named}`),
  ];
}

/** For `refine`, one after the other: one password and one environment at most. @param prefix `restic_` in a host */
export function oneOfEach(prefix: '' | 'restic_' = '') {
  const key = (name: keyof typeof KEYS) => `${prefix}${name}`;
  return {
    command: notBeside(key('password_command'), key('password_file')),
    credential: notBeside(key('password_credential'), key('password_file'), key('password_command')),
    environment: notBeside(key('environment_credential'), key('environment_file')),
  };
}

/** For `refine`: there is a password. */
export const hasPassword: Rule = [
  (section) => ['password_file', 'password_command', 'password_credential'].some((key) => section[key] !== undefined),
  ruleAbout('password_file', 'needed unless there is a `password_command` or a `password_credential`'),
];
