// SPDX-License-Identifier: AGPL-3.0-or-later
import { logLevel } from '@local-backup/common/config/log-level';
import { mailSchema } from '@local-backup/common/config/mail';
import { toolKeys } from '@local-backup/common/config/tools';
import { absolutePath, duration, hostname, line, mailAddress } from '@local-backup/common/config/values';
import * as z from 'zod';
import { anomalySchema } from './anomaly-schema.ts';
import { drillSchema } from './drill-schema.ts';
import { hostSchema } from './host-schema.ts';
import { reportSchema } from './report-schema.ts';
import { resticSchema } from './restic-schema.ts';

const subjectPrefix = line.optional().describe('Beginning of the subject of every mail.');
const ownName = hostname.optional().describe('Name of this server in mails and records.');

/** The `global` section. */
export const globalSchema = z.strictObject({
  local_temp_base_dir: absolutePath
    .describe('Where archives are put while they are fetched. It must exist.')
    .meta({ examples: ['/var/lib/backup-server/work'] }),
  admin_email: mailAddress
    .optional()
    .describe('Who gets the summary, and mail about hosts that name nobody. Needed here or in common_config.')
    .meta({ 'x-default': '`DEFAULT_ADMIN_EMAIL` of common_config', examples: ['admin@example.org'] }),
  email_subject_prefix: subjectPrefix.meta({ 'x-default': '`[Backup Server]`', examples: ['[Backup Server]'] }),
  hostname: ownName.meta({ 'x-default': 'what `hostname -f` prints', examples: ['backup.example.org'] }),
  log_level: logLevel.optional(),
  state_dir: absolutePath.prefault('/var/lib/backup-server').describe('Run records, pinned repositories, live trees.'),
  live_dir: absolutePath
    .optional()
    .describe('Unpacked copies of the newest state of every host.')
    .meta({ 'x-default': '`live` in `state_dir`', examples: ['/var/lib/backup-server/live'] }),
  lock_dir: absolutePath.prefault('/run').describe("Holds the locks that keep runs out of each other's way."),
  parallel_hosts: z.int().min(1).max(64).prefault(1).describe('Hosts that are backed up at the same time.'),
  lock_retries: z
    .int()
    .min(0)
    .max(1_000)
    .prefault(3)
    .describe('How often a host whose spool is locked is tried again before it is skipped.'),
  lock_retry_delay: duration().prefault('120s').describe('Time between two tries.'),
  retry_failed_hosts: z
    .int()
    .min(0)
    .max(10)
    .prefault(1)
    .describe('How often hosts that failed are tried again at the end of the run.'),
  host_time_limit: duration({ min: '1m' })
    .prefault('12h')
    .describe('A host that takes longer than this is ended, and the next one has its turn.'),
  max_age: duration({ min: '1m', max: '3650d' })
    .prefault('26h')
    .describe('A host whose last good backup is older than this is reported.'),
  ...toolKeys(['msmtp', 'yq', 'jq']),
});

/** server_config.yml */
export const serverConfigSchema = z.strictObject({
  global: globalSchema.describe('Settings of this server.'),
  mail: mailSchema.prefault({}).describe('How mail leaves this machine.'),
  reports: reportSchema.prefault({}).describe('Which mails are sent about runs.'),
  restic: resticSchema.describe('Where and how snapshots are stored.'),
  drill: drillSchema.prefault({}).describe('Restores that are made to prove that snapshots can be restored.'),
  anomaly: anomalySchema
    .prefault({})
    .describe('What makes a host suspicious: its new state is stored, and nothing is forgotten until it is released.'),
  hosts: z.array(hostSchema).min(1).describe('The machines that are backed up.'),
  email_subject_prefix: subjectPrefix.meta({
    'x-default': '`global.email_subject_prefix`, which counts',
    'x-old': true,
  }),
  hostname: ownName.meta({ 'x-default': '`global.hostname`, which counts', 'x-old': true }),
});
