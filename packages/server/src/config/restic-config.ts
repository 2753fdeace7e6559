// SPDX-License-Identifier: AGPL-3.0-or-later
import { chooseLogLevel, type LogLevel } from '@local-backup/common/config/log-level';
import { wordsOf } from '@local-backup/common/config/values';
import { type CopyConfig, copyConfigOf } from './copies-schema.ts';
import { forgetPolicyWords } from './forget-policy.ts';
import type { ResticSection } from './restic-schema.ts';
import { type SecretSources, secretSourcesOf } from './secret-sources.ts';

/** Where and how snapshots are stored. Times in milliseconds. */
export interface ResticConfig extends SecretSources {
  /** An absolute path or a restic location, with or without `{hostname}`; see repositoryLocationOf. */
  readonly repositoryRoot: string;
  /** Further repositories of every host; in the order of the file. */
  readonly copies: readonly CopyConfig[];
  /** restic and its first arguments. */
  readonly command: readonly string[];
  /** More words for `restic backup`. */
  readonly backupOptions: readonly string[];
  readonly backupTimeoutMs: number;
  readonly restoreTimeoutMs: number;
  readonly commandTimeoutMs: number;
  readonly maintenance: MaintenanceConfig;
}

export interface MaintenanceConfig {
  /** Words for `restic forget`. */
  readonly forgetPolicy: readonly string[];
  readonly prune: boolean;
  readonly check: boolean;
  /** More words for `restic check`. */
  readonly checkOptions: readonly string[];
  /** Read back all stored data, none, or a share (`10%`); undefined: part by part, within `readDataWithinRuns` runs. */
  readonly checkReadData: boolean | string | undefined;
  readonly readDataWithinRuns: number;
  /** Milliseconds; for all repositories together. */
  readonly maxDurationMs: number;
  /** Milliseconds; for each restic command. */
  readonly commandTimeoutMs: number;
  readonly keepAtLeast: number;
  /** Between 0 and 1. */
  readonly maxForgetShare: number;
  readonly maxClockJumpMs: number;
  readonly showStats: boolean;
  readonly adminEmail: string;
  readonly emailSubjectPrefix: string;
  readonly logLevel: LogLevel;
}

/** What the section takes from the rest of the configuration. */
export interface ResticDefaults {
  readonly adminEmail: string;
  /** Undefined: nowhere configured. */
  readonly subjectPrefix: string | undefined;
  readonly logLevel: LogLevel;
  /** `-v` was given. */
  readonly verbose: boolean;
  readonly command: readonly string[];
}

/** The `restic` section with the defaults merged in. */
export function resticConfigOf(section: ResticSection, defaults: ResticDefaults): ResticConfig {
  const { maintenance } = section;
  return {
    repositoryRoot: section.repository_root,
    copies: section.copies.map(copyConfigOf),
    ...secretSourcesOf(section),
    command: defaults.command,
    backupOptions: section.backup_options,
    backupTimeoutMs: section.backup_timeout,
    restoreTimeoutMs: section.restore_timeout,
    commandTimeoutMs: section.command_timeout,
    maintenance: {
      forgetPolicy: forgetPolicyWords(maintenance.forget_policy),
      prune: maintenance.prune,
      check: maintenance.check,
      checkOptions: wordsOf(maintenance.check_options),
      checkReadData: maintenance.check_read_data_mode,
      readDataWithinRuns: maintenance.read_data_within_runs,
      maxDurationMs: maintenance.max_duration,
      commandTimeoutMs: maintenance.command_timeout,
      keepAtLeast: maintenance.keep_at_least,
      maxForgetShare: maintenance.max_forget_share,
      maxClockJumpMs: maintenance.max_clock_jump,
      showStats: maintenance.show_stats,
      adminEmail: maintenance.admin_email ?? defaults.adminEmail,
      emailSubjectPrefix: maintenance.email_subject_prefix ?? defaults.subjectPrefix ?? '[Restic Maint]',
      logLevel: chooseLogLevel({
        verbose: defaults.verbose,
        yaml: maintenance.log_level,
        common: defaults.logLevel,
      }),
    },
  };
}
