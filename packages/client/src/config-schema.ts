// SPDX-License-Identifier: AGPL-3.0-or-later
import { logLevel } from '@local-backup/common/config/log-level';
import { mailSchema } from '@local-backup/common/config/mail';
import { toolKeys } from '@local-backup/common/config/tools';
import {
  absolutePath,
  accountName,
  duration,
  hostname,
  isSystemDirectory,
  line,
  mailAddress,
} from '@local-backup/common/config/values';
import * as z from 'zod';

/** Where the original shell version has its plugins, and those of its users. */
export const DEFAULT_PLUGIN_DIR = '/opt/backup/lib/plugins';

const archiveKeys = {
  base_backup_dir: absolutePath
    .refine((path) => !isSystemDirectory(path), {
      message: 'must be a directory of its own, `/var/spool/backup` for example: its owner and mode are changed',
    })
    .describe('The spool: work directories and finished archives are here. Created if it is missing.')
    .meta({ examples: ['/var/spool/backup'] }),
  backup_user: accountName
    .describe('Account that owns the archives and that the server logs in as. It must exist.')
    .meta({ examples: ['backup'] }),
  backup_group: accountName
    .describe('Group of the archives and of `base_backup_dir`. It must exist.')
    .meta({ examples: ['backup'] }),
  keep_days: z
    .int()
    .min(1)
    .optional()
    .describe('Days after which archives in `base_backup_dir` are deleted. Needed here or in common_config.')
    .meta({ 'x-default': '`DEFAULT_KEEP_DAYS` of common_config', examples: [7] }),
  min_free_space_mb: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Free space in MiB that must be left on the file system of `base_backup_dir`, before and after each task.',
    )
    .meta({ 'x-default': '`DEFAULT_MIN_FREE_SPACE_MB` of common_config, else 500', examples: [500] }),
  gzip_level: z.int().min(1).max(9).prefault(2).describe('Compression of archives: 1 is fastest, 9 smallest.'),
  compression_threads: z
    .int()
    .min(1)
    .max(256)
    .optional()
    .describe('Processor cores that compress at the same time.')
    .meta({ 'x-default': 'all cores', examples: [2] }),
};

const reportKeys = {
  admin_email: mailAddress
    .optional()
    .describe('Who gets mail when a run fails. Needed here or in common_config.')
    .meta({ 'x-default': '`DEFAULT_ADMIN_EMAIL` of common_config', examples: ['admin@example.org'] }),
  email_subject_prefix: line.prefault('[Backup Error]').describe('Beginning of the subject of every mail.'),
  hostname: hostname
    .optional()
    .describe(
      'Name of this machine in archives and mails; the same as `hostname` of the host on the server. Needed where `hostname -f` fails.',
    )
    .meta({ 'x-default': 'what `hostname -f` prints', examples: ['web1.example.org'] }),
  log_level: logLevel.optional(),
  mail: mailSchema.prefault({}).describe('How mail leaves this machine.'),
};

const runKeys = {
  service_dir: absolutePath
    .prefault('/etc/backup')
    .describe('Where services are looked for: `*/service.yaml` and `*/*/service.yaml` in it, or `service.yml`.'),
  plugin_dir: absolutePath
    .optional()
    .describe(
      'Directory with plugins of your own (docs/plugins.md): they must belong to root, and nobody else may write to them.',
    )
    .meta({
      'x-default': '`DEFAULT_PLUGIN_DIR` of common_config, else `/opt/backup/lib/plugins`',
      examples: ['/opt/backup/lib/plugins'],
    }),
  state_dir: absolutePath
    .prefault('/var/lib/backup-client')
    .describe('Run records, and what has to be undone after a crash.'),
  lock_dir: absolutePath.prefault('/run').describe('Holds the lock that keeps a second run from starting.'),
  lock_retries: z
    .int()
    .min(0)
    .max(1_000)
    .prefault(3)
    .describe('How often a locked spool is tried again before the run fails.'),
  lock_retry_delay: duration().prefault('60s').describe('Time between two tries.'),
  parallel_services: z
    .int()
    .min(1)
    .max(64)
    .prefault(1)
    .describe(
      'Services that are saved at the same time. What goes into the archive goes in one after the other: one that stands ' +
        'still and has no room for a temporary file may wait for another.',
    ),
  task_timeout: duration({ min: '1s' })
    .prefault('6h')
    .describe('Time limit for each step of a task. A task that takes longer is ended and counts as failed.'),
};

/** client_config.yml */
export const clientConfigSchema = z.strictObject({
  ...archiveKeys,
  ...reportKeys,
  ...runKeys,
  tools: z
    .strictObject(
      toolKeys([
        'tar',
        'rsync',
        'docker',
        'pg_dump',
        'mysqldump',
        'msmtp',
        'gzip',
        'influx',
        'univention_backup',
        'yq',
      ]),
    )
    .prefault({})
    .describe('Other commands for external programs. Each one is a program with its first arguments.'),
});

/** The file as the schema makes it: times in milliseconds, defaults filled in that need no other file. */
export type ClientSection = z.output<typeof clientConfigSchema>;
