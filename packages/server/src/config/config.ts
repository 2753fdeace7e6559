// SPDX-License-Identifier: AGPL-3.0-or-later
import { checkConfig } from '@local-backup/common/config/check';
import { type CommonConfig, loadCommonConfig } from '@local-backup/common/config/common-config';
import { complaintError, formatComplaint } from '@local-backup/common/config/complaint';
import { readConfigFile } from '@local-backup/common/config/file';
import { chooseLogLevel, type LogLevel } from '@local-backup/common/config/log-level';
import { type MailConfig, mailConfigOf } from '@local-backup/common/config/mail';
import { parseSource } from '@local-backup/common/config/parse';
import { type ConfigSource, valueAt } from '@local-backup/common/config/source';
import { type Tools, toolsOf } from '@local-backup/common/config/tools';
import { isUsualMailAddress } from '@local-backup/common/config/values';
import { readYaml } from '@local-backup/common/config/yaml-source';
import * as z from 'zod';
import type { AnomalySection } from './anomaly-schema.ts';
import { globalSchema, serverConfigSchema } from './config-schema.ts';
import { type Directories, localRepositoryRoot, overlapsOf, overlapsOfHost, realPath } from './directories.ts';
import { type DrillConfig, drillConfigOf } from './drill-schema.ts';
import { type Host, type HostDefaults, hostOf } from './host.ts';
import { type HostSection, hostSchema } from './host-schema.ts';
import { type ReportConfig, reportConfigOf } from './report-schema.ts';
import { conflictOf, type PlannedRepository, plannedRepositories } from './repository-conflicts.ts';
import { isReadByAll, withoutCredentials } from './repository-location.ts';
import { type ResticConfig, resticConfigOf } from './restic-config.ts';

export const SERVER_CONFIG_FILE = '/etc/backup/server_config.yml';

/** In mails of a server that does not know its name; nothing depends on it. */
const NAMELESS = 'backup-server';

/** An entry of `hosts` that cannot be used: it counts as failed, the others are processed. */
export interface RejectedHost {
  /** Where it has one that is text. */
  readonly hostname: string | undefined;
  /** All complaints. */
  readonly message: string;
}

/** server_config.yml and common_config in one. Times in milliseconds, paths absolute. */
export interface ServerConfig {
  readonly hostname: string;
  readonly adminEmail: string;
  readonly emailSubjectPrefix: string;
  readonly mail: MailConfig;
  readonly logLevel: LogLevel;
  readonly localTempBaseDir: string;
  readonly stateDir: string;
  /** Without symlinks: who looks for it in /proc finds it by this name. */
  readonly liveDir: string;
  readonly lockDir: string;
  readonly parallelHosts: number;
  readonly lockRetries: number;
  readonly lockRetryDelayMs: number;
  readonly retryFailedHosts: number;
  readonly hostTimeLimitMs: number;
  readonly reports: ReportConfig;
  readonly restic: ResticConfig;
  readonly drill: DrillConfig;
  /** Limits for all hosts; see `anomalyLimitsOf`. */
  readonly anomaly: AnomalySection;
  readonly tools: Tools;
  /** In the order of the file; never empty. */
  readonly hosts: readonly Host[];
  readonly rejectedHosts: readonly RejectedHost[];
  /** What is odd, though the run can go on; for the log and the run record. */
  readonly warnings: readonly string[];
}

/** What a configuration takes from the machine and the command line. */
export interface ServerFacts {
  /** What `hostname -f` prints, undefined where it fails. */
  readonly hostname: string | undefined;
  /** `-v` was given. */
  readonly verbose: boolean;
}

export interface ServerConfigFiles {
  readonly file: string;
  readonly commonFile: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads both files, which have to belong to root with mode 0600 or 0400; common_config may be missing.
 * @throws BackupError `config` that lists all complaints about the file that has some
 */
export async function loadServerConfig(files: ServerConfigFiles, facts: ServerFacts): Promise<ServerConfig> {
  const common = await loadCommonConfig(files.commonFile, files.environment);
  return parseServerConfig(await readConfigFile(files.file), files.file, common, facts);
}

/** @throws BackupError `config` that lists all complaints, also those about hosts where not one of them can be used */
export function parseServerConfig(text: string, file: string, common: CommonConfig, facts: ServerFacts): ServerConfig {
  const source = readYaml(text, file);
  const section = parseSource(source, schemaBeside(common));
  const { global } = section;
  const tools = toolsOf(global, section.restic, common.commands);
  const adminEmail = global.admin_email ?? common.adminEmail ?? '';
  const subjectPrefix = global.email_subject_prefix ?? section.email_subject_prefix;
  const logLevel = chooseLogLevel({ verbose: facts.verbose, yaml: global.log_level, common: common.logLevel });
  const drill = drillConfigOf(section.drill, global.local_temp_base_dir);
  const drillDirectory = realPath(drill.directory);
  const directories = { ...directoriesOf(global, section.restic.repository_root), drillDirectory };
  requireSeparate(source, directories);
  const restic = resticConfigOf(section.restic, {
    ...{ adminEmail, subjectPrefix, logLevel },
    ...{ verbose: facts.verbose, command: tools.restic },
  });
  const hosts = hostsOf(source, { directories, restic }, { adminEmail, maxAgeMs: global.max_age });
  return {
    hostname: global.hostname ?? section.hostname ?? facts.hostname ?? NAMELESS,
    adminEmail,
    emailSubjectPrefix: subjectPrefix ?? '[Backup Server]',
    mail: mailConfigOf(section.mail, tools.msmtp),
    logLevel,
    localTempBaseDir: global.local_temp_base_dir,
    stateDir: global.state_dir,
    liveDir: directories.liveDir,
    lockDir: global.lock_dir,
    parallelHosts: global.parallel_hosts,
    lockRetries: global.lock_retries,
    lockRetryDelayMs: global.lock_retry_delay,
    retryFailedHosts: global.retry_failed_hosts,
    hostTimeLimitMs: global.host_time_limit,
    reports: reportConfigOf(section.reports),
    restic,
    drill,
    anomaly: section.anomaly,
    tools,
    ...hosts,
    warnings: [...common.warnings, ...mailWarnings(adminEmail), ...locationWarnings(restic, hosts.hosts)],
  };
}

/** Everything but the hosts, which are checked one by one; the recipient may be in common_config. */
function schemaBeside(common: CommonConfig) {
  const hosts = z.array(z.unknown()).min(1).describe('The machines that are backed up: at least one.');
  const strict = globalSchema.required({ admin_email: true }) as z.ZodType as typeof globalSchema;
  return serverConfigSchema.extend({ hosts, global: common.adminEmail === undefined ? strict : globalSchema });
}

function directoriesOf(global: z.infer<typeof globalSchema>, repositoryRoot: string): Directories {
  const { live_dir, local_temp_base_dir, state_dir } = global;
  return {
    liveDir: realPath(live_dir ?? `${state_dir}/live`),
    localTempBaseDir: realPath(local_temp_base_dir),
    repositoryRoot: localRepositoryRoot(repositoryRoot),
    stateDir: realPath(state_dir),
  };
}

/** A run empties live trees: whatever else lay in there would be gone. */
function requireSeparate(source: ConfigSource, directories: Directories): void {
  const complaints = overlapsOf(directories).map(({ path, message }) => {
    return { file: source.file, ...source.locate(path, 'value'), path, message };
  });
  if (complaints.length > 0) throw complaintError(source.file, complaints);
}

function hostsOf(
  source: ConfigSource,
  places: Pick<Beside, 'directories' | 'restic'>,
  defaults: HostDefaults,
): Pick<ServerConfig, 'hosts' | 'rejectedHosts'> {
  const hosts: Host[] = [];
  const rejectedHosts: RejectedHost[] = [];
  const taken: PlannedRepository[] = [];
  for (const index of (valueAt(source.value, ['hosts']) as unknown[]).keys()) {
    const checked = checkHost(source, index, { ...places, earlier: hosts, taken });
    if ('message' in checked) {
      rejectedHosts.push(checked);
      continue;
    }
    hosts.push(hostOf(checked, defaults));
    taken.push(...plannedRepositories(checked.hostname, checked.repository, places.restic));
  }
  if (hosts.length > 0) return { hosts, rejectedHosts };
  throw noValidHost(source, rejectedHosts);
}

interface Beside {
  readonly directories: Directories;
  readonly restic: ResticConfig;
  readonly earlier: readonly Host[];
  /** The repositories of those. */
  readonly taken: readonly PlannedRepository[];
}

function checkHost(source: ConfigSource, index: number, beside: Beside) {
  const checked = checkConfig(source, hostSchema, ['hosts', index]);
  const name = valueAt(source.value, ['hosts', index, 'hostname']);
  const hostname = typeof name === 'string' ? name : undefined;
  if (!checked.ok) return { hostname, message: checked.complaints.map(formatComplaint).join('\n') };
  const wrong = wrongBeside(checked.value, beside);
  if (wrong === undefined) return checked.value;
  const path = ['hosts', index, wrong.key];
  const { message } = wrong;
  return { hostname, message: formatComplaint({ file: source.file, ...source.locate(path, 'value'), path, message }) };
}

/** What is wrong with a host only because of the other hosts and the directories. */
function wrongBeside({ hostname, repository }: HostSection, { directories, restic, earlier, taken }: Beside) {
  if (earlier.some((host) => host.hostname === hostname)) {
    const message = `there is a host "${hostname}" above already; each needs a name of its own`;
    return { key: 'hostname', message };
  }
  const [overlap] = overlapsOfHost(directories, hostname);
  if (overlap !== undefined) return { key: 'hostname', message: overlap };
  const conflict = conflictOf(plannedRepositories(hostname, repository, restic), taken, directories);
  if (conflict === undefined) return undefined;
  return { key: repository === undefined ? 'hostname' : 'repository', message: conflict };
}

function noValidHost(source: ConfigSource, rejected: readonly RejectedHost[]) {
  const message = `no host can be used:\n${rejected.map((host) => host.message).join('\n')}`;
  return complaintError(source.file, [
    { file: source.file, ...source.locate(['hosts'], 'key'), path: ['hosts'], message },
  ]);
}

function mailWarnings(address: string): string[] {
  if (isUsualMailAddress(address)) return [];
  return [`global.admin_email "${address}" is no usual mail address; mails may not arrive.`];
}

function locationWarnings({ repositoryRoot, copies }: ResticConfig, hosts: readonly Host[]): string[] {
  const all = [
    repositoryRoot,
    ...copies.map((copy) => copy.repositoryRoot),
    ...hosts.map((host) => host.repository ?? ''),
  ];
  return all.filter(isReadByAll).map((location) => {
    const shown = withoutCredentials(location);
    return `Everybody on this machine can read the secret in "${shown}" while rclone runs (ps): put it into rclone's own configuration (rclone config).`;
  });
}
