// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { timeOfStamp } from '@local-backup/common/archive-name';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { createEntryListWriter } from '@local-backup/common/entry-list';
import type { HostRecord } from '@local-backup/common/run-record';
import { type AnomalyGate, createAnomalyGate } from '../../packages/server/src/anomaly/anomaly.ts';
import { type BaselineFiles, createBaselineFiles } from '../../packages/server/src/anomaly/baseline.ts';
import { backupHost, type HostIo } from '../../packages/server/src/backup-host.ts';
import { type AnomalyLimits, anomalyLimitsOf, anomalySchema } from '../../packages/server/src/config/anomaly-schema.ts';
import type { Host } from '../../packages/server/src/config/host.ts';
import { attemptHost } from '../../packages/server/src/host-attempt.ts';
import { createSaveMarker } from '../../packages/server/src/save-marker.ts';
import type { Source } from '../../packages/server/src/sources/source.ts';
import type { Store } from '../../packages/server/src/stores/store.ts';
import { putProof } from '../../packages/server/src/tree/live-tree.ts';
import { createMemoryStore, createVault, type Vault } from './memory-store.ts';
import { silentLog } from './silent-log.ts';

/* One host that is backed up night after night: real live trees and entry lists, and a store in memory. */

export const HOST = 'web1';
export const LIMITS = anomalyLimitsOf(anomalySchema.parse({}));
export const NOW = new Date('2026-11-21T04:00:00.000Z');

/** Content of files by name. */
export type Tree = Readonly<Record<string, string | Buffer>>;

export const readable = (name: string) => `${name}: ${'some text that everybody can read. '.repeat(50)}`;

/** A hundred files of text, and whatever is to be different. */
export const usual = (changes: Tree = {}): Tree => {
  const names = Array.from({ length: 100 }, (_, index) => `f${index}.txt`);
  return { ...Object.fromEntries(names.map((name) => [name, readable(name)])), ...changes };
};

/** The same after somebody wants money for them. */
export const encrypted = (): Tree =>
  Object.fromEntries(Object.keys(usual()).map((name) => [`${name}.locked`, randomBytes(2_000)]));

export interface Night {
  readonly limits?: AnomalyLimits;
  /** In place of the store's own verb. */
  readonly save?: (own: Store['save']) => Store['save'];
  /** The archive of the night before, once more. */
  readonly again?: boolean;
  readonly dryRun?: boolean;
  readonly skipped?: boolean;
}

export interface AnomalyLab {
  readonly root: string;
  readonly live: string;
  readonly vault: Vault;
  readonly baseline: BaselineFiles;
  gate(limits?: AnomalyLimits): AnomalyGate;
  /** What an archive source leaves in the live tree. */
  unpack(tree: Tree, stamp: string): Promise<void>;
  /** Backs the host up as a run does, and resolves with its record. */
  backup(tree: Tree, night?: Night): Promise<HostRecord>;
  remove(): void;
}

export function createAnomalyLab(): AnomalyLab {
  const root = mkdtempSync(join(tmpdir(), 'anomaly-'));
  const live = join(root, 'live', HOST);
  mkdirSync(join(root, 'live'), { mode: 0o700 });
  const vault = createVault();
  vault.id = 'vault';
  vault.pinnedId = 'vault';
  const { signal } = new AbortController();
  let day = 0;
  const gate = (limits = LIMITS) =>
    createAnomalyGate({
      ...{ stateDirectory: root, hostname: HOST, liveDirectory: live, limits },
      ...{ maxEntries: 1_000_000, now: () => NOW, signal },
    });
  const unpack = (tree: Tree, stamp: string) => unpackInto(live, join(root, 'entries.gz'), tree, stamp);
  return {
    ...{ root, live, vault, gate, unpack },
    baseline: createBaselineFiles(root, HOST),
    async backup(tree, night = {}) {
      if (night.again !== true) day += 1;
      const stamp = `202611${String(day).padStart(2, '0')}_030000`;
      const store = createMemoryStore({ host: HOST, vault, now: () => NOW });
      const io: HostIo = {
        host: hostOf(),
        store: night.save === undefined ? store : { ...store, save: night.save(store.save) },
        marker: createSaveMarker(root, HOST),
        anomaly: gate(night.limits),
        liveDirectory: live,
        openSource: async () => sourceOf(stamp, night.skipped === true, () => unpack(tree, stamp)),
        dryRun: night.dryRun === true,
        now: () => NOW,
        signal,
      };
      const plan = { hostTimeLimitMs: undefined, log: silentLog, now: () => NOW, signal };
      const words = { begin: 'begin', failed: 'failed' };
      return attemptHost(HOST, { ...plan, words }, (_log, _signal, progress) => backupHost(io, progress));
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

async function unpackInto(live: string, list: string, tree: Tree, stamp: string): Promise<void> {
  rmSync(live, { recursive: true, force: true });
  mkdirSync(live, { mode: 0o700 });
  rmSync(list, { force: true });
  const writer = await createEntryListWriter(list);
  for (const [name, content] of Object.entries(tree)) {
    writeFileSync(join(live, name), content);
    const sha256 = createHash('sha256').update(content).digest('hex');
    const facts = { mode: 0o644, uid: 0, gid: 0, mtimeNs: 0n, size: Buffer.byteLength(content), sha256 };
    writer.add({ ...facts, path: bytePathOfText(name), type: 'file' });
  }
  await writer.finish();
  const time = timeOfStamp(stamp) ?? NOW;
  await putProof(live, { archive: `${HOST}-${stamp}.tar.gz`, entryList: list, manifest: undefined, time });
}

function sourceOf(stamp: string, isSkipped: boolean, unpack: () => Promise<void>): Source {
  return {
    offer: async () =>
      isSkipped
        ? { kind: 'skip', code: 'SKIPPED_DUPLICATE', why: 'stored already' }
        : { kind: 'new', stamp, label: `${HOST}-${stamp}.tar.gz`, bytes: 5_000, why: 'it is new' },
    bring: async () => {
      await unpack();
      return [];
    },
    hasUnseenChanges: () => false,
    confirm: async () => [],
    close: async () => undefined,
  };
}

function hostOf(): Host {
  return {
    hostname: HOST,
    adminEmail: 'admin@example.com',
    ssh: {} as Host['ssh'],
    remoteTarDir: '/var/spool/backup',
    maxAgeMs: 10 * 86_400_000,
    ...{ maxArchiveBytes: 1, maxUnpackedBytes: 1, maxEntries: 1, minimumRate: 1, bandwidth: undefined },
    acceptWithoutManifest: false,
    forgetPolicy: undefined,
  };
}
