// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';

/** What a new client_config.yml says beside the defaults. */
export interface NewConfig {
  readonly adminEmail: string;
  /** The packages bring an account and a spool of their own. */
  readonly hasPackagedAccount: boolean;
  /** Where it is not the default. */
  readonly serviceDir?: string | undefined;
  /** Where `hostname -f` fails. */
  readonly hostname?: string | undefined;
}

/** The account of the packages; debian/backup-client.sysusers and .tmpfiles make it and its spool. */
export const PACKAGED_ACCOUNT = '_local-backup';
const PACKAGED_SPOOL = '/var/spool/backup/spool';

/** The sample of the file with these values in it. Pure. @throws Error where the sample has other lines by now */
export function newConfigText(
  sample: string,
  { adminEmail, hasPackagedAccount, serviceDir, hostname }: NewConfig,
): string {
  const changes: [RegExp, string][] = [[/^admin_email: .*$/m, `admin_email: ${quoted(adminEmail)}`]];
  if (hasPackagedAccount) {
    changes.push([/^base_backup_dir: .*$/m, `base_backup_dir: ${PACKAGED_SPOOL}`]);
    for (const key of ['backup_user', 'backup_group']) {
      changes.push([new RegExp(`^${key}: .*$`, 'm'), `${key}: ${PACKAGED_ACCOUNT}`]);
    }
  }
  if (serviceDir !== undefined) changes.push([/^#service_dir: .*$/m, `service_dir: ${quoted(serviceDir)}`]);
  if (hostname !== undefined) changes.push([/^#hostname: .*$/m, `hostname: ${quoted(hostname)}`]);
  return changes.reduce((text, [line, instead]) => {
    if (!line.test(text))
      throw new BackupError('failed', `The sample of client_config.yml has no line ${line.source}.`);
    return text.replace(line, () => instead);
  }, sample);
}

/** As YAML: JSON is YAML too. */
function quoted(text: string): string {
  return /^[A-Za-z0-9/][\w@./+-]*$/.test(text) ? text : JSON.stringify(text);
}
