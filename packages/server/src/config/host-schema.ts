// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  absolutePath,
  accountName,
  duration,
  hostname,
  line,
  mailAddress,
  port,
  ruleAbout,
  size,
} from '@local-backup/common/config/values';
import * as z from 'zod';
import { hostAnomalySchema } from './anomaly-schema.ts';
import { checkForgetPolicy } from './forget-policy.ts';
import { hostRepositoryKeys, oneOfEach } from './repository-schema.ts';

/** As `restic forget` takes it. */
export const forgetPolicy = z
  .string()
  .superRefine((policy, context) => {
    const complaint = checkForgetPolicy(policy);
    if (complaint !== undefined) context.addIssue({ code: 'custom', message: complaint });
  })
  .meta({ 'x-type': 'restic forget options' });

const address = line
  .regex(/^[A-Za-z0-9_:][A-Za-z0-9._:%-]*$/, 'must be a host name or an IP address, without port')
  .meta({ 'x-type': 'host name or address' });

/** How to log in; the same for a host and for the one to go through. */
const loginKeys = {
  port: port.prefault(22).describe('Port of the SSH server.'),
  ssh_user: accountName.describe('Account to log in as; it needs SFTP, no shell.').meta({ examples: ['backup'] }),
  ssh_key_file: absolutePath
    .optional()
    .describe('Private key for the login: owned by root, mode 0600. Needed unless `ssh_agent` is true.')
    .meta({ examples: ['/etc/backup/ssh/id_ed25519'] }),
  ssh_key_passphrase_file: absolutePath
    .optional()
    .describe('File with the passphrase of the key: owned by root, mode 0600.')
    .meta({ examples: ['/etc/backup/ssh/id_ed25519.pass'] }),
  ssh_agent: z.boolean().prefault(false).describe('Offer the keys of the agent at `SSH_AUTH_SOCK` too.'),
  known_hosts_file: z
    .union([absolutePath, z.array(absolutePath).min(1)])
    .prefault(['/root/.ssh/known_hosts', '/etc/ssh/ssh_known_hosts'])
    .describe('Files with the host keys that are accepted, as OpenSSH writes them. No other key is ever accepted.')
    .meta({ 'x-type': 'absolute path, or a list of them' }),
  connect_timeout: duration({ min: '1s', max: '1h' })
    .prefault('10s')
    .describe('Time limit for connecting and logging in.'),
  request_timeout: duration({ min: '1s', max: '1h' })
    .prefault('60s')
    .describe('Time limit for each answer of the host.'),
  keepalive_interval: duration({ min: '1s', max: '1h' })
    .prefault('15s')
    .describe('How often a silent host is asked whether it is still there.'),
  keepalive_count_max: z
    .int()
    .min(1)
    .max(100)
    .prefault(3)
    .describe('Questions without answer before the link is given up.'),
};

type Login = { readonly ssh_agent?: boolean; readonly ssh_key_file?: string | undefined };

const needsKey = ({ ssh_agent, ssh_key_file }: Login) => ssh_agent === true || ssh_key_file !== undefined;
const aboutKey = ruleAbout('ssh_key_file', 'needed unless `ssh_agent: true`');

const jumpSchema = z
  .strictObject({
    address: address.describe('Name or address of the host to go through.').meta({ examples: ['gate.example.org'] }),
    ...loginKeys,
  })
  .refine(needsKey, aboutKey);

const limitKeys = {
  max_age: duration({ min: '1m', max: '3650d' })
    .optional()
    .describe('A host whose last good backup is older than this is reported.')
    .meta({ 'x-default': '`global.max_age`', examples: ['26h'] }),
  max_archive_size: size().prefault('100GiB').describe('A larger archive is not fetched.'),
  max_unpacked_size: size().prefault('1TiB').describe('An archive that unpacks to more is refused.'),
  max_entries: z.int().min(1).prefault(20_000_000).describe('An archive with more files and directories is refused.'),
  bandwidth_limit: size()
    .optional()
    .describe('Bytes per second at most, for fetching.')
    .meta({ 'x-default': 'as fast as it goes', examples: ['10MiB'] }),
  minimum_rate: size()
    .prefault('1KiB')
    .describe('Bytes per second: a transfer slower than this for a minute is given up.'),
  accept_without_manifest: z
    .boolean()
    .prefault(false)
    .describe('Accept archives of the original shell client, which cannot be checked against a manifest.'),
};

const one = oneOfEach('restic_');

/** An entry of `hosts`. */
export const hostSchema = z
  .strictObject({
    hostname: hostname
      .describe('Name of the host: in its archives, of its repository, and in snapshots. The same as on the client.')
      .meta({ examples: ['web1.example.org'] }),
    address: address
      .optional()
      .describe('Where to connect to.')
      .meta({ 'x-default': '`hostname`', examples: ['192.0.2.10'] }),
    ...loginKeys,
    remote_tar_dir: absolutePath
      .describe('`base_backup_dir` of the client, as the login sees it.')
      .meta({ examples: ['/var/spool/backup'] }),
    ...limitKeys,
    admin_email: mailAddress
      .optional()
      .describe('Who gets mail about this host.')
      .meta({ 'x-default': '`global.admin_email`', examples: ['web-admin@example.org'] }),
    restic_forget_policy: forgetPolicy
      .optional()
      .describe('Which snapshots of this host are kept.')
      .meta({ 'x-default': '`restic.maintenance.forget_policy`', examples: ['--keep-daily 14 --keep-monthly 24'] }),
    ...hostRepositoryKeys,
    anomaly: hostAnomalySchema.optional().describe('What differs for this host from the section `anomaly`.'),
    jump: jumpSchema.optional().describe('Another host to go through.'),
  })
  .refine(needsKey, aboutKey)
  .refine(...one.command)
  .refine(...one.credential)
  .refine(...one.environment);

export type HostSection = z.output<typeof hostSchema>;
export type JumpSection = z.output<typeof jumpSchema>;
