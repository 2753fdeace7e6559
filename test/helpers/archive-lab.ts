// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BytePath, bytePathOfText } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { readEntryList } from '@local-backup/common/entry-list';
import { createStream } from '@local-backup/common/exec';
import {
  type ArchiveWriter,
  type ArchiveWriterOptions,
  createArchiveWriter,
  type FinishedArchive,
  type TreeRequest,
} from '../../packages/client/src/archive.ts';
import { verifyArchive } from '../../packages/client/src/verify.ts';

/** A directory with a tree to be saved, and the files of an archive. */
export interface ArchiveLab {
  readonly root: string;
  readonly archive: string;
  readonly entryList: string;
  /** Runs a shell script in the tree. */
  make(script: string): void;
  writer(options?: Partial<ArchiveWriterOptions>): Promise<ArchiveWriter>;
  /** All of the tree under `web/shop`, changed as given. */
  request(changes?: Partial<TreeRequest>): TreeRequest;
  /** What the entry list says. */
  entries(): Promise<Entry[]>;
  remove(): void;
}

export function createArchiveLab(): ArchiveLab {
  const directory = mkdtempSync(join(tmpdir(), 'archive-lab-'));
  const root = join(directory, 'tree');
  const archive = join(directory, 'archive.tar.gz');
  const entryList = join(directory, 'archive.tar.gz.entries.gz');
  mkdirSync(root);
  return {
    root,
    archive,
    entryList,
    make: (script) =>
      void execFileSync('bash', ['--norc', '-euc', script], { cwd: root, env: { ...process.env, LC_ALL: 'C' } }),
    writer: (options) =>
      createArchiveWriter({
        file: archive,
        entryListFile: entryList,
        gzipLevel: 1,
        concurrency: 2,
        tarCommand: ['tar'],
        stream: createStream({ scrub: (text) => text }),
        signal: new AbortController().signal,
        timeoutMs: 60_000,
        ...options,
      }),
    request: (changes) => ({
      prefix: 'web/shop',
      root,
      paths: pathsOf('.'),
      exclude: [],
      oneFileSystem: false,
      parents: true,
      ...changes,
    }),
    async entries() {
      const all: Entry[] = [];
      for await (const batch of readEntryList(entryList, { entries: 1_000_000 })) all.push(...batch);
      return all;
    },
    // Node cannot remove trees that are deeper than a path may be long.
    remove: () => void execFileSync('rm', ['-rf', directory]),
  };
}

/** Reads back what the lab has written. */
export function verifyLab(lab: ArchiveLab, finished: FinishedArchive): Promise<void> {
  const { archive, entryList } = lab;
  return verifyArchive({ archive, entryList, manifest: manifestOf(finished), signal: new AbortController().signal });
}

export function pathsOf(...paths: readonly string[]): BytePath[] {
  return paths.map(bytePathOfText);
}

/** The manifest's part that belongs to a finished archive. */
export function manifestOf({ bytes, sha256, totals, entryList }: FinishedArchive) {
  return { bytes, sha256, totals, entryList: { name: 'archive.tar.gz.entries.gz', ...entryList } };
}
