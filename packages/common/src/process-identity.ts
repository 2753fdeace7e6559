// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, readlinkSync } from 'node:fs';
import * as z from 'zod';
import { BackupError } from './errors.ts';
import { readProcessStat } from './process-stat.ts';

export const processIdentitySchema = z.strictObject({
  pid: z.int().min(1),
  /** See `ProcessStat`; with `bootId` it tells a process from a later one that was given the same pid. */
  startTime: z.string().max(32),
  bootId: z.string().max(64),
  /** Pids of another container mean other processes. */
  pidNamespace: z.string().max(64),
});

/** Names one process of this machine for ever. */
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** The identity of this process. @throws BackupError `failed` where /proc is not mounted */
export function ownIdentity(): ProcessIdentity {
  const stat = readProcessStat(process.pid);
  if (stat === undefined) throw new BackupError('failed', 'Cannot read /proc/self/stat; /proc must be mounted.');
  return {
    pid: process.pid,
    startTime: stat.startTime,
    bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(),
    pidNamespace: readlinkSync('/proc/self/ns/pid'),
  };
}

/**
 * Whether a process still runs; `unknown` for one of another container, whose pids we cannot see. Also for one that is there
 * though another boot is named: systemd-nspawn mounts a boot id of its own, which a unit with `ProtectKernelTunables=` does
 * not see, so that two processes of one machine may know two.
 */
export function isRunning(identity: ProcessIdentity, own: ProcessIdentity): boolean | 'unknown' {
  const isSameBoot = identity.bootId === own.bootId;
  if (identity.pidNamespace !== own.pidNamespace) return isSameBoot ? 'unknown' : false;
  const stat = readProcessStat(identity.pid);
  const runs = stat !== undefined && stat.startTime === identity.startTime && stat.state !== 'Z' && stat.state !== 'X';
  return runs && !isSameBoot ? 'unknown' : runs;
}
