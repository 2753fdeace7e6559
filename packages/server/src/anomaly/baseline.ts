// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory, readJson, writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RunNumbers } from './evidence.ts';

const share = z.number().min(0).max(1).optional();
const count = z.number().min(0);

const runSchema = z.strictObject({
  /** Stamp of the archive. */
  stamp: z.string(),
  files: count,
  bytes: count,
  archiveBytes: count.optional(),
  changedShare: share,
  goneShare: share,
  freshBytes: count.optional(),
  incompressibleShare: share,
});

const baselineSchema = z.strictObject({
  format: z.literal(1),
  runs: z.array(runSchema),
  withheld: z.array(runSchema),
});

/** The numbers of one run. */
export type BaselineRun = RunNumbers & { readonly stamp: string };

/** What is usual for a host. Oldest first. */
export interface Baseline {
  /** Runs that nothing was odd about. */
  readonly runs: readonly BaselineRun[];
  /** Runs since the host is suspicious: they count as usual when it is released. */
  readonly withheld: readonly BaselineRun[];
}

/** A month of nights. */
const MOST_RUNS = 30;

const NOTHING: Baseline = { runs: [], withheld: [] };

/** The baseline of a host, and the list of the files that were stored last; both below the state directory. */
export interface BaselineFiles {
  /**
   * Empty where there is none yet.
   * @throws BackupError `failed` where it is damaged
   */
  read(): Promise<Baseline>;
  /** Adds a run; one that is there already changes nothing. What is damaged is begun anew. */
  add(run: BaselineRun, isWithheld: boolean): Promise<void>;
  /** The withheld runs become usual ones. */
  release(): Promise<void>;
  /** The entry list that was kept last; the file may be missing. */
  readonly entryList: string;
  /** Keeps a copy of an entry list in place of the one before. */
  keepEntryList(file: string): Promise<void>;
  /** A list that is not renewed any more would make everything look changed one day. */
  dropEntryList(): Promise<void>;
}

/** Where what is usual for a host is kept. */
export function createBaselineFiles(stateDirectory: string, hostname: string): BaselineFiles {
  const directory = join(stateDirectory, 'baselines');
  const file = join(directory, `${hostname}.json`);
  const entryList = join(directory, `${hostname}.entries.gz`);
  const read = async (): Promise<Baseline> => {
    try {
      const { runs, withheld } = await readJson(file, baselineSchema);
      return { runs, withheld };
    } catch (error) {
      if (isMissing(error)) return NOTHING;
      throw error;
    }
  };
  const write = async ({ runs, withheld }: Baseline) => {
    const baseline = { format: 1, runs: runs.slice(-MOST_RUNS), withheld: withheld.slice(-MOST_RUNS) };
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await writeFileAtomic(file, `${JSON.stringify(baseline)}\n`, { mode: 0o600 });
  };
  return {
    read,
    async add(run, isWithheld) {
      const { runs, withheld } = await read().catch(() => NOTHING);
      if ([...runs, ...withheld].some(({ stamp }) => stamp === run.stamp)) return;
      await write(isWithheld ? { runs, withheld: [...withheld, run] } : { runs: [...runs, run], withheld });
    },
    async release() {
      const { runs, withheld } = await read();
      if (withheld.length > 0) await write({ runs: [...runs, ...withheld], withheld: [] });
    },
    entryList,
    async keepEntryList(source) {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const unfinished = `${entryList}.partial`;
      await rm(unfinished, { force: true });
      await copyFile(source, unfinished);
      await syncFile(unfinished);
      await rename(unfinished, entryList);
      await fsyncDirectory(directory);
    },
    dropEntryList: () => rm(entryList, { force: true }),
  };
}

async function syncFile(file: string): Promise<void> {
  const handle = await open(file, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isMissing(error: unknown): boolean {
  const cause = error instanceof BackupError ? error.cause : undefined;
  return cause instanceof Error && (cause as NodeJS.ErrnoException).code === 'ENOENT';
}
