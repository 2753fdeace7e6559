// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';
import type { Saved, SaveRequest, Snapshot, Store } from '../../packages/server/src/stores/store.ts';
import { readTree, type TreeEntry } from './file-tree.ts';

/** What is wrong with a vault at the moment. */
export type VaultFault = 'wrong password' | 'locked' | 'damaged' | 'disk full';

/** Where the memory store of one host keeps its history; outlives the store as a repository does. */
export interface Vault {
  /** Undefined: not initialised. */
  id: string | undefined;
  pinnedId: string | undefined;
  fault: VaultFault | undefined;
  /** Items that the next save shall find unreadable. */
  unreadable: readonly string[];
  readonly snapshots: StoredSnapshot[];
}

interface StoredSnapshot extends Snapshot {
  readonly entries: readonly TreeEntry[];
  readonly archive: Buffer;
}

export function createVault(): Vault {
  return { id: undefined, pinnedId: undefined, fault: undefined, unreadable: [], snapshots: [] };
}

/** A store without a repository, for tests of what uses one; passes the same contract suite as restic. */
export function createMemoryStore({ host, vault, now }: { host: string; vault: Vault; now: () => Date }): Store {
  const notThere = () => new BackupError('failed', `No store yet; "backup-server init ${host}" creates it.`);
  const check: Store['check'] = async (signal) => {
    signal.throwIfAborted();
    if (vault.fault === 'locked') throw new BackupError('locked', `The store of ${host} is locked.`);
    if (vault.fault !== undefined && vault.fault !== 'disk full') {
      throw new BackupError('failed', `The store of ${host} cannot be used: ${vault.fault}.`);
    }
    if (vault.id === undefined) throw notThere();
    if (vault.id !== vault.pinnedId)
      throw new BackupError('failed', `The store is not the one initialised for ${host}.`);
  };

  return {
    check,
    init: async (signal) => {
      const created = vault.id === undefined;
      vault.id ??= digest(host, now().toISOString());
      vault.pinnedId ??= vault.id;
      await check(signal);
      return { created, id: vault.id };
    },
    snapshots: async (signal) => {
      signal.throwIfAborted();
      if (vault.id === undefined) throw notThere();
      return vault.snapshots.map(({ id, time, tags }) => ({ id, time, tags }));
    },
    save: async (request, signal) => {
      await check(signal);
      if (vault.fault === 'disk full') throw new BackupError('failed', 'No space left in the store.');
      return saveInto(vault, request, { host, time: now().toISOString() });
    },
  };
}

/** Puts a whole snapshot into a directory. */
export function restoreFrom(vault: Vault, id: string, target: string): void {
  const archive = vault.snapshots.find((snapshot) => snapshot.id === id)?.archive;
  if (archive === undefined) throw new Error(`no snapshot ${id}`);
  execFileSync('tar', ['--extract', '--preserve-permissions', '--no-overwrite-dir', '-C', target], { input: archive });
}

function saveInto(vault: Vault, request: SaveRequest, { host, time }: { host: string; time: string }): Saved {
  const entries = readTree(request.directory);
  const existing = vault.snapshots.find(({ tags }) => tags.includes(request.stamp));
  const counts = countsOf(
    entries,
    request.readAll === true ? [] : ((existing ?? vault.snapshots.at(-1))?.entries ?? []),
  );
  const saved = { ...counts, unreadable: vault.unreadable };
  if (request.dryRun) return { ...saved, snapshot: undefined };
  if (existing !== undefined && counts.filesNew + counts.filesChanged === 0) return { ...saved, snapshot: existing.id };
  const id = digest(host, request.stamp, String(vault.snapshots.length));
  const archive = execFileSync('tar', ['--create', '--format=posix', '-C', request.directory, '.'], {
    maxBuffer: 1024 ** 3,
  });
  vault.snapshots.push({ id, time, tags: [host, request.stamp], entries, archive });
  return { ...saved, snapshot: id };
}

function countsOf(entries: readonly TreeEntry[], before: readonly TreeEntry[]) {
  const known = new Map(before.map((entry) => [entry.path, entry]));
  const files = entries.filter(({ type }) => type === 'file');
  const isNew = files.filter(({ path }) => !known.has(path));
  const same = files.filter((file) => isUnmodified(file, known.get(file.path)));
  const changed = files.filter((file) => known.has(file.path) && !same.includes(file));
  const size = (list: readonly TreeEntry[]) => list.reduce((sum, file) => sum + (file.size ?? 0), 0);
  return {
    filesNew: isNew.length,
    filesChanged: changed.length,
    filesUnmodified: same.length,
    bytesProcessed: size(files),
    bytesAdded: size(isNew) + size(changed),
  };
}

function isUnmodified(file: TreeEntry, before: TreeEntry | undefined): boolean {
  return before?.mtimeNs === file.mtimeNs && before.size === file.size;
}

function digest(...parts: readonly string[]): string {
  return createHash('sha256').update(parts.join('\0')).digest('hex');
}
