// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, type ErrorCode } from '@local-backup/common/errors';
import type { Log, LogFields } from '@local-backup/common/log';
import type { Manifest } from '@local-backup/common/manifest';
import type { RunRecord } from '@local-backup/common/run-record';
import type { HostIo } from '../../packages/server/src/backup-host.ts';
import type { Host } from '../../packages/server/src/config/host.ts';
import { type BackupRun, runBackup } from '../../packages/server/src/run-backup.ts';
import type { SaveMarker } from '../../packages/server/src/save-marker.ts';
import type { Offer, Source } from '../../packages/server/src/sources/source.ts';
import type { Saved, Snapshot, Store } from '../../packages/server/src/stores/store.ts';

/* The server's pipeline over a store and a source in memory. */

export const NOW = new Date('2026-11-21T04:00:00.000Z');
export const STAMP = '20261121_030000';

/** One host with its spool and its store, and what was done to them. */
export interface World {
  readonly done: string[];
  /** What the client has in its spool. */
  spool: string | undefined;
  snapshots: Snapshot[];
  /** Stamps of saves that were not proven. */
  marker: readonly string[];
  /** Behaviour of single verbs, instead of the usual one. */
  check?: () => Promise<void>;
  unseenChanges?: boolean;
  bring?: (signal: AbortSignal) => Promise<readonly string[]>;
  save?: () => Promise<Saved>;
  confirm?: () => Promise<readonly string[]>;
  manifest?: Manifest;
  offer?: () => Promise<Offer>;
  copies?: HostIo['copies'];
}

export function world(changes: Partial<World> = {}): World {
  return { done: [], spool: STAMP, snapshots: [], marker: [], ...changes };
}

export const counts = { filesNew: 1, filesChanged: 2, filesUnmodified: 3, bytesProcessed: 40, bytesAdded: 4 };

function memoryStore(w: World): Store {
  const add = async (stamp: string): Promise<Saved> => {
    w.snapshots.push({ id: `snapshot-${w.snapshots.length + 1}`, time: NOW.toISOString(), tags: [stamp] });
    return { snapshot: `snapshot-${w.snapshots.length}`, ...counts, unreadable: [] };
  };
  return {
    async check() {
      w.done.push('check');
      await w.check?.();
    },
    init: () => Promise.reject(new Error('a run never creates a repository')),
    snapshots: async () => [...w.snapshots],
    async save({ stamp }) {
      w.done.push('save');
      return w.save === undefined ? add(stamp) : w.save();
    },
  };
}

function memorySource(w: World, signal: AbortSignal): Source {
  return {
    async offer(stored) {
      w.done.push('offer');
      if (w.offer !== undefined) return w.offer();
      if (w.spool === undefined) throw new BackupError('failed', 'No backup archives found');
      const { spool: stamp } = w;
      if (stored.some((snapshot) => snapshot.tags.includes(stamp))) {
        return { kind: 'skip', code: 'SKIPPED_DUPLICATE', why: 'stored already' };
      }
      const manifest = w.manifest === undefined ? {} : { manifest: w.manifest };
      return { kind: 'new', stamp, label: `x-${stamp}.tar.gz`, bytes: 7, why: 'nothing is stored yet', ...manifest };
    },
    hasUnseenChanges: () => w.unseenChanges ?? false,
    async bring(_, trail) {
      w.done.push('bring');
      return trail.step('fetch', async () => (await w.bring?.(signal)) ?? []);
    },
    async confirm() {
      w.done.push('confirm');
      const odd = (await w.confirm?.()) ?? [];
      w.spool = undefined;
      return odd;
    },
    async close() {
      w.done.push('close');
    },
  };
}

function memoryMarker(w: World): SaveMarker {
  return {
    read: async () => w.marker,
    set: async (stamp) => {
      w.marker = [...w.marker, stamp];
    },
    clear: async (stamp) => {
      w.marker = w.marker.filter((other) => other !== stamp);
    },
  };
}

const ssh = {} as Host['ssh'];

function hostOf(hostname: string): Host {
  return {
    hostname,
    adminEmail: 'admin@example.com',
    ssh,
    remoteTarDir: '/var/spool/backup',
    maxAgeMs: 36 * 3_600_000,
    maxArchiveBytes: 1,
    maxUnpackedBytes: 1,
    maxEntries: 1,
    acceptWithoutManifest: false,
    bandwidth: undefined,
    minimumRate: 1,
    forgetPolicy: undefined,
  };
}

interface Settings
  extends Partial<Pick<BackupRun, 'rejected' | 'parallel' | 'retries' | 'hostTimeLimitMs' | 'signal' | 'save'>> {
  readonly dryRun?: boolean;
  /** Errors that were logged. */
  readonly logged?: unknown[];
}

function logInto(errors: unknown[]): Log {
  const write = (_: string, fields?: LogFields) => void (fields?.error !== undefined && errors.push(fields.error));
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return log;
}

export async function run(worlds: Readonly<Record<string, World>>, settings: Settings = {}) {
  const saved: RunRecord[] = [];
  const { dryRun = false, logged = [], ...plan } = settings;
  const open = (host: Host, _: Log, signal: AbortSignal): HostIo => {
    const w = worlds[host.hostname] ?? world();
    const adapters = {
      store: memoryStore(w),
      marker: memoryMarker(w),
      openSource: async () => memorySource(w, signal),
      copies: w.copies,
    };
    return { host, liveDirectory: `/live/${host.hostname}`, dryRun, now: () => NOW, signal, ...adapters };
  };
  const record = await runBackup({
    record: {
      format: 1,
      id: '20261121_040000-00000000',
      program: 'backup-server',
      command: 'backup',
      version: '0',
      hostname: 'backup1',
      started: NOW.toISOString(),
      status: 'running',
      steps: [],
      hosts: [],
    },
    hosts: Object.keys(worlds).map(hostOf),
    rejected: [],
    parallel: 1,
    retries: 0,
    hostTimeLimitMs: undefined,
    log: logInto(logged),
    now: () => NOW,
    signal: new AbortController().signal,
    save: async (state) => void saved.push(state),
    open,
    ...plan,
  });
  return { record, saved, host: (name: string) => record.hosts.find((host) => host.host === name) };
}

export const fail = (code: ErrorCode, message: string) => () => Promise.reject(new BackupError(code, message));
