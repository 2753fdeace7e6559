// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import type { Manifest } from '@local-backup/common/manifest';
import type { Host } from '../../packages/server/src/config/host.ts';
import type { Remote } from '../../packages/server/src/remotes/remote.ts';
import { createTrail, type Trail } from '../../packages/server/src/report/trail.ts';
import { type ArchiveSourceOptions, createArchiveSource } from '../../packages/server/src/sources/archive/index.ts';
import type { Offer, Source } from '../../packages/server/src/sources/source.ts';
import { type MadeArchive, makeArchive } from './make-archive.ts';
import { createMemorySpool, type MemorySpool } from './memory-remote.ts';
import type { Files } from './memory-source.ts';
import { silentLog } from './silent-log.ts';

/** The server's clock. */
export const NOW = new Date('2026-11-21T04:00:00Z');
/** An hour before. */
export const STAMP = '20261121_030000';
const MIB = 1024 ** 2;

/** A host whose spool is in memory, and a place on the server for it. */
export interface ArchivePlace {
  readonly spool: MemorySpool;
  /** What `publish` makes an archive of. */
  readonly source: string;
  readonly workDirectory: string;
  readonly liveDirectory: string;
  /** A new session, as a new run of the program would make it. */
  readonly open: (change?: Partial<ArchiveSourceOptions>, host?: Partial<Host>) => Source;
  readonly publish: (
    stamp: string,
    change?: { withRoot?: boolean; manifest?: Partial<Manifest> },
  ) => Promise<MadeArchive>;
  readonly close: () => void;
}

export function createArchivePlace(): ArchivePlace {
  const root = mkdtempSync(join(tmpdir(), 'archive-source-'));
  const spool = createMemorySpool();
  const [source, made, live] = [join(root, 'source'), join(root, 'made'), join(root, 'live')];
  for (const directory of [source, made, live]) mkdirSync(directory, { mode: 0o700 });
  const workDirectory = join(root, 'work/web1');
  const liveDirectory = join(live, 'web1');
  const options: ArchiveSourceOptions = {
    host: HOST,
    remote: async () => spool.connect(),
    workDirectory,
    liveDirectory,
    lock: { retries: 1, delayMs: 0 },
    force: false,
    run: createRun({ scrub: (text) => text }),
    log: silentLog,
    signal: new AbortController().signal,
    now: () => NOW,
    sleep: async () => undefined,
  };
  return {
    spool,
    source,
    workDirectory,
    liveDirectory,
    open: (change = {}, host = {}) => createArchiveSource({ ...options, host: { ...HOST, ...host }, ...change }),
    async publish(stamp, change = {}) {
      const archive = await makeArchive({ spool: made, source, hostname: 'web1', stamp, ...change });
      for (const name of archive.files) spool.put(name, readFileSync(join(made, name)));
      return archive;
    },
    close: () => rmSync(root, { recursive: true }),
  };
}

/** Bounds that ordinary test data stays within. */
const HOST: Host = {
  hostname: 'web1',
  adminEmail: 'admin@example.org',
  ssh: {} as Host['ssh'],
  remoteTarDir: '/var/spool/backup',
  maxAgeMs: 0,
  maxArchiveBytes: 100 * MIB,
  maxUnpackedBytes: 1000 * MIB,
  maxEntries: 10_000,
  acceptWithoutManifest: false,
  bandwidth: undefined,
} as Host;

/** Writes files by path, with the directories that they are in. */
export function writeFiles(directory: string, files: Files): void {
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), content);
  }
}

export type NewOffer = Offer & { kind: 'new' };

export function createTestTrail(): Trail {
  return createTrail(silentLog, () => NOW);
}

/** The offer of a source that has something new. */
export async function takeOffer(source: Source, trail: Trail): Promise<NewOffer> {
  const offered = await source.offer([], trail);
  if (offered.kind === 'skip') throw new Error(`skipped: ${offered.why}`);
  return offered;
}

/** What a source offers, brought into the live tree. */
export async function bring(source: Source, trail: Trail): Promise<{ offered: NewOffer; odd: readonly string[] }> {
  const offered = await takeOffer(source, trail);
  return { offered, odd: await source.bring(offered, trail) };
}

/** A remote that notes the size of every piece of an archive that is fetched. */
export function counting(remote: Remote, fetched: number[]): Remote {
  return {
    ...remote,
    fetch: (name, options) =>
      remote.fetch(name, {
        ...options,
        onData: (data) => {
          if (name.endsWith('.tar.gz')) fetched.push(data.length);
          return options.onData(data);
        },
      }),
  };
}
