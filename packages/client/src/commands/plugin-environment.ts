// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Tools } from '@local-backup/common/config/tools';
import type { ClientConfig } from '../config.ts';

/** What plugins of the user's own get of the configuration; little is there where it cannot be read. */
export type PluginPlaces = Pick<ClientConfig, 'pluginDir' | 'serviceDir' | 'tools'> & Partial<ClientConfig>;

const LEVELS = ['error', 'warn', 'info', 'debug'];

/**
 * The configuration in the environment, under the names of the original's documentation and under those of its code (C39).
 * A run that calls plugins is never a dry one: those only validate.
 */
export function shellEnvironment(places: PluginPlaces): Record<string, string> {
  const level = LEVELS.indexOf(places.logLevel ?? 'info');
  const given: Readonly<Record<string, string | number | undefined>> = {
    BASE_BACKUP_DIR: places.baseBackupDir,
    BACKUP_USER: places.backupUser,
    BACKUP_GROUP: places.backupGroup,
    EMAIL_RECIPIENT: places.adminEmail,
    ADMIN_EMAIL: places.adminEmail,
    EMAIL_SUBJECT_PREFIX: places.emailSubjectPrefix,
    HOSTNAME: places.hostname,
    KEEP_DAYS: places.keepDays,
    MIN_FREE_SPACE_MB: places.minFreeBytes === undefined ? undefined : Math.floor(places.minFreeBytes / 1024 ** 2),
    LOG_LEVEL: level,
    verbose: level >= 3 ? 1 : 0,
    DRY_RUN: 'false',
    dry_run: 0,
    DRY_RUN_MODE: 0,
    ...toolVariablesOf(places.tools),
  };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function toolVariablesOf(tools: Tools): Record<string, string> {
  const words = (list: readonly string[]) => list.join(' ');
  return {
    TAR_CMD: words(tools.tar),
    RSYNC_CMD: words(tools.rsync),
    DOCKER_CMD: words(tools.docker),
    DOCKER_COMMAND: words(tools.docker),
    PG_DUMP_CMD: words(tools.pg_dump),
    MYSQL_DUMP_CMD: words(tools.mysqldump),
    MSMTP_CMD: words(tools.msmtp) || 'msmtp',
    GZIP_CMD: words(tools.gzip),
    INFLUX_CMD: words(tools.influx),
    UNIVENTION_BACKUP_CMD: words(tools.univention_backup),
    RESTIC_CMD: words(tools.restic),
    SSH_CMD: words(tools.ssh),
    SCP_CMD: words(tools.scp),
    JQ_CMD: words(tools.jq),
  };
}

/** How the helpers of shell plugins read YAML: this very program. */
export function yamlReaderHere(): readonly string[] {
  return [process.execPath, process.argv[1] ?? '', 'plugin', 'yaml', '--'];
}
