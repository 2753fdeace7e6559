// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostAnomalySection } from './anomaly-schema.ts';
import { forgetPolicyWords } from './forget-policy.ts';
import type { HostSection, JumpSection } from './host-schema.ts';
import type { SecretSources } from './secret-sources.ts';

/** One entry of the inventory with the defaults merged in. Sizes in bytes, times in milliseconds. */
export interface Host {
  /** Archive prefix, repository directory, restic host and tag; equal to the client's `hostname`. */
  readonly hostname: string;
  readonly adminEmail: string;
  readonly ssh: SshTarget;
  /** The client's `base_backup_dir`. */
  readonly remoteTarDir: string;
  /** A host whose last success is older than this is not green. */
  readonly maxAgeMs: number;
  readonly maxArchiveBytes: number;
  readonly maxUnpackedBytes: number;
  readonly maxEntries: number;
  readonly acceptWithoutManifest: boolean;
  /** Bytes per second at most; undefined: as fast as it goes. */
  readonly bandwidth: number | undefined;
  /** Bytes per second, over a minute, below which a transfer counts as stalled. */
  readonly minimumRate: number;
  /** Words for `restic forget`; undefined: the policy of `restic.maintenance`. */
  readonly forgetPolicy: readonly string[] | undefined;
  /** What differs for it from the section `anomaly`. */
  readonly anomaly?: HostAnomalySection | undefined;
  /** The location of its repository, with or without `{hostname}`; undefined: below `restic.repository_root`. */
  readonly repository?: string | undefined;
  /** Of its repository, where they are not those of the `restic` section. */
  readonly restic?: SecretSources;
}

/** Where and how to log in. */
export interface SshTarget {
  readonly address: string;
  readonly port: number;
  readonly user: string;
  /** Private key (0600); undefined: keys of the agent at SSH_AUTH_SOCK only. */
  readonly keyFile: string | undefined;
  readonly passphraseFile: string | undefined;
  readonly useAgent: boolean;
  readonly knownHostsFiles: readonly string[];
  /** Time limit for connecting and for each request, in milliseconds. */
  readonly connectTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly keepaliveIntervalMs: number;
  readonly keepaliveCountMax: number;
  /** Another host to go through. */
  readonly jump: SshTarget | undefined;
}

/** What hosts take from the rest of the configuration. */
export interface HostDefaults {
  readonly adminEmail: string;
  readonly maxAgeMs: number;
}

/** An entry of `hosts` with the defaults merged in. */
export function hostOf(section: HostSection, defaults: HostDefaults): Host {
  const policy = section.restic_forget_policy;
  return {
    hostname: section.hostname,
    adminEmail: section.admin_email ?? defaults.adminEmail,
    ssh: sshTargetOf(section, section.address ?? section.hostname, section.jump),
    remoteTarDir: section.remote_tar_dir,
    maxAgeMs: section.max_age ?? defaults.maxAgeMs,
    maxArchiveBytes: section.max_archive_size,
    maxUnpackedBytes: section.max_unpacked_size,
    maxEntries: section.max_entries,
    acceptWithoutManifest: section.accept_without_manifest,
    bandwidth: section.bandwidth_limit,
    minimumRate: section.minimum_rate,
    forgetPolicy: policy === undefined ? undefined : forgetPolicyWords(policy),
    anomaly: section.anomaly,
    repository: section.repository,
    ...resticSecretsOf(section),
  };
}

function resticSecretsOf(section: HostSection): Pick<Host, 'restic'> {
  const restic = {
    passwordFile: section.restic_password_file,
    passwordCommand: section.restic_password_command,
    passwordCredential: section.restic_password_credential,
    environmentFile: section.restic_environment_file,
    environmentCredential: section.restic_environment_credential,
  };
  return Object.values(restic).some((value) => value !== undefined) ? { restic } : {};
}

function sshTargetOf(login: Omit<JumpSection, 'address'>, address: string, jump: JumpSection | undefined): SshTarget {
  return {
    address,
    port: login.port,
    user: login.ssh_user,
    keyFile: login.ssh_key_file,
    passphraseFile: login.ssh_key_passphrase_file,
    useAgent: login.ssh_agent,
    knownHostsFiles: [login.known_hosts_file].flat(),
    connectTimeoutMs: login.connect_timeout,
    requestTimeoutMs: login.request_timeout,
    keepaliveIntervalMs: login.keepalive_interval,
    keepaliveCountMax: login.keepalive_count_max,
    jump: jump === undefined ? undefined : sshTargetOf(jump, jump.address, undefined),
  };
}
