// SPDX-License-Identifier: AGPL-3.0-or-later
import { type CommonConfig, loadCommonConfig } from '@local-backup/common/config/common-config';
import { readConfigFile } from '@local-backup/common/config/file';
import { chooseLogLevel, type LogLevel } from '@local-backup/common/config/log-level';
import { type MailConfig, mailConfigOf } from '@local-backup/common/config/mail';
import { parseConfig } from '@local-backup/common/config/parse';
import { type Tools, toolsOf } from '@local-backup/common/config/tools';
import { isUsualMailAddress } from '@local-backup/common/config/values';
import type * as z from 'zod';
import { type ClientSection, clientConfigSchema, DEFAULT_PLUGIN_DIR } from './config-schema.ts';

export const CLIENT_CONFIG_FILE = '/etc/backup/client_config.yml';

/** client_config.yml and common_config in one. Sizes in bytes, times in milliseconds, paths absolute. */
export interface ClientConfig {
  readonly hostname: string;
  readonly baseBackupDir: string;
  readonly backupUser: string;
  readonly backupGroup: string;
  readonly adminEmail: string;
  readonly emailSubjectPrefix: string;
  readonly mail: MailConfig;
  readonly logLevel: LogLevel;
  readonly keepDays: number;
  readonly minFreeBytes: number;
  readonly gzipLevel: number;
  readonly compressionThreads: number;
  readonly serviceDir: string;
  readonly pluginDir: string;
  readonly stateDir: string;
  readonly lockDir: string;
  readonly lockRetries: number;
  readonly lockRetryDelayMs: number;
  readonly parallelServices: number;
  readonly taskTimeoutMs: number;
  readonly tools: Tools;
  /** What is odd, though the run can go on; for the log and the run record. */
  readonly warnings: readonly string[];
}

/** What a configuration takes from the machine and the command line. */
export interface ClientFacts {
  /** What `hostname -f` prints, undefined where it fails. */
  readonly hostname: string | undefined;
  readonly cores: number;
  /** `-v` was given. */
  readonly verbose: boolean;
}

export interface ClientConfigFiles {
  readonly file: string;
  readonly commonFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads both files, which have to belong to root with mode 0600 or 0400; common_config may be missing.
 * @throws BackupError `config` that lists all complaints about the file that has some
 */
export async function loadClientConfig(files: ClientConfigFiles, facts: ClientFacts): Promise<ClientConfig> {
  const common = await loadCommonConfig(files.commonFile, files.environment);
  return parseClientConfig(await readConfigFile(files.file), files.file, common, facts);
}

/** @throws BackupError `config` that lists all complaints */
export function parseClientConfig(text: string, file: string, common: CommonConfig, facts: ClientFacts): ClientConfig {
  return clientConfigOf(parseConfig(text, file, schemaBeside(common, facts)), common, facts);
}

/** Recipient, age limit and name are needed, but common_config or the machine may have them. */
function schemaBeside(common: CommonConfig, facts: ClientFacts): z.ZodType<ClientSection> {
  const schema = clientConfigSchema.required({
    ...(common.adminEmail === undefined ? { admin_email: true as const } : {}),
    ...(common.keepDays === undefined ? { keep_days: true as const } : {}),
    ...(facts.hostname === undefined ? { hostname: true as const } : {}),
  });
  // The values are the same; only fewer of them may be missing.
  return schema as z.ZodType as typeof clientConfigSchema;
}

function clientConfigOf(section: ClientSection, common: CommonConfig, facts: ClientFacts): ClientConfig {
  const tools = toolsOf(section.tools, common.commands);
  const adminEmail = section.admin_email ?? common.adminEmail ?? '';
  return {
    hostname: section.hostname ?? facts.hostname ?? '',
    baseBackupDir: section.base_backup_dir,
    backupUser: section.backup_user,
    backupGroup: section.backup_group,
    adminEmail,
    emailSubjectPrefix: section.email_subject_prefix,
    mail: mailConfigOf(section.mail, tools.msmtp),
    logLevel: chooseLogLevel({ verbose: facts.verbose, yaml: section.log_level, common: common.logLevel }),
    keepDays: section.keep_days ?? common.keepDays ?? 0,
    minFreeBytes: (section.min_free_space_mb ?? common.minFreeSpaceMb ?? 500) * 1024 * 1024,
    gzipLevel: section.gzip_level,
    compressionThreads: section.compression_threads ?? facts.cores,
    serviceDir: section.service_dir,
    pluginDir: section.plugin_dir ?? common.pluginDir ?? DEFAULT_PLUGIN_DIR,
    stateDir: section.state_dir,
    lockDir: section.lock_dir,
    lockRetries: section.lock_retries,
    lockRetryDelayMs: section.lock_retry_delay,
    parallelServices: section.parallel_services,
    taskTimeoutMs: section.task_timeout,
    tools,
    warnings: [...common.warnings, ...mailWarnings(adminEmail)],
  };
}

function mailWarnings(address: string): string[] {
  return isUsualMailAddress(address)
    ? []
    : [`admin_email "${address}" is no usual mail address; mails may not arrive.`];
}
