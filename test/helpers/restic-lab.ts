// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRun } from '@local-backup/common/exec';
import { createResticHistory } from '../../packages/server/src/stores/restic/history/index.ts';
import { createResticStore, type ResticStoreOptions } from '../../packages/server/src/stores/restic/index.ts';
import { createResticUpkeep, type ResticUpkeepOptions } from '../../packages/server/src/stores/restic/upkeep.ts';
import type { Store } from '../../packages/server/src/stores/store.ts';
import type { Upkeep } from '../../packages/server/src/stores/upkeep.ts';
import { makeKeyCheap } from './restic-key.ts';
import { type ResticSeries, resticOf } from './restic-versions.ts';
import { silentLog } from './silent-log.ts';

/** Repositories of one version of restic in a directory of their own. */
export interface ResticLab {
  readonly directory: string;
  readonly program: string;
  readonly repositoryOf: (host: string) => string;
  /** The file with the host's password. */
  readonly passwordOf: (host: string) => string;
  readonly options: (host: string, changed?: Partial<ResticStoreOptions>) => ResticStoreOptions;
  readonly store: (host: string, changed?: Partial<ResticStoreOptions>) => Store;
  readonly upkeep: (host: string, changed?: Partial<ResticUpkeepOptions>) => Upkeep;
  /** Puts a whole snapshot into a directory. */
  readonly restore: (
    host: string,
    snapshot: string,
    target: string,
    changed?: Partial<ResticStoreOptions>,
  ) => Promise<void>;
  /** restic itself on the repository of a host, for looking at it from outside. */
  readonly restic: (host: string, ...args: readonly string[]) => string;
  /** Names of the locks in a host's repository. */
  readonly locks: (host: string) => readonly string[];
  readonly breakPassword: (host: string) => () => void;
  readonly lock: (host: string) => Promise<() => Promise<void>>;
  readonly swap: (host: string) => Promise<() => Promise<void>>;
  readonly remove: () => void;
}

const parts = { run: createRun({ scrub: (text) => text }), log: silentLog, now: () => new Date() };

export async function createResticLab(series: ResticSeries): Promise<ResticLab> {
  const program = await resticOf(series);
  const directory = mkdtempSync(join(tmpdir(), 'restic-lab-'));
  mkdirSync(join(directory, 'repositories'));
  // Stopped processes would outlive a test that fails while it holds one.
  const holders: ChildProcess[] = [];
  const repositoryOf = (host: string) => join(directory, 'repositories', host);
  const passwordOf = (host: string) => join(directory, `password-${host}`);
  const setPassword = (host: string, password: string) => writeFileSync(passwordOf(host), password, { mode: 0o600 });

  const options: ResticLab['options'] = (host, changed = {}) => ({
    ...{ host, program, repository: repositoryOf(host), password: { file: passwordOf(host) } },
    ...{ cacheDirectory: join(directory, 'cache'), environment: {}, lockWaitMs: 0 },
    ...{ backupOptions: [], pinFile: join(directory, 'state', `${host}.repository.json`) },
    ...{ timeouts: { queryMs: 60_000, saveMs: 100_000, restoreMs: 100_000 } },
    ...changed,
  });
  const env = (host: string) => ({
    PATH: process.env.PATH,
    RESTIC_REPOSITORY: repositoryOf(host),
    RESTIC_PASSWORD_FILE: passwordOf(host),
    RESTIC_CACHE_DIR: join(directory, 'cache'),
  });

  const lab: Omit<ResticLab, 'lock' | 'swap'> = {
    directory,
    program,
    repositoryOf,
    passwordOf,
    options,
    store: (host, changed) => {
      if (!existsSync(passwordOf(host))) setPassword(host, `correct ${host}\n`);
      const settings = options(host, changed);
      return withCheapKey(createResticStore(settings, parts), settings);
    },
    upkeep: (host, changed) => {
      const timeouts = { queryMs: 60_000, upkeepMs: 100_000 };
      return createResticUpkeep({ ...options(host), timeouts, ...changed }, parts);
    },
    restore: (host, snapshot, target, changed) => {
      const request = { snapshot, target, include: [], verify: true };
      return createResticHistory(options(host, changed), parts).restore(request, new AbortController().signal);
    },
    restic: (host, ...args) => execFileSync(program, args, { env: env(host), encoding: 'utf8', stdio: 'pipe' }),
    // Without those that are still being written.
    locks: (host) => readdirSync(join(repositoryOf(host), 'locks')).filter((name) => /^[0-9a-f]{64}$/.test(name)),
    breakPassword: (host) => {
      setPassword(host, 'wrong\n');
      return () => setPassword(host, `correct ${host}\n`);
    },
    remove: () => {
      for (const holder of holders) holder.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    },
  };
  const lock = (host: string) => {
    const start = () => spawn(program, ['check', '--read-data'], { env: env(host), stdio: 'ignore' });
    return stopWithLock(start, () => lab.locks(host).length > 0, holders);
  };
  return { ...lab, lock, swap: (host) => swap(lab, host) };
}

/** The store, whose new repositories are opened in a moment. */
function withCheapKey(store: Store, { repository, password }: ResticStoreOptions): Store {
  if (!repository.startsWith('/') || !('file' in password)) return store;
  const init: Store['init'] = async (signal) => {
    const result = await store.init(signal);
    if (result.created) makeKeyCheap(repository, readFileSync(password.file, 'utf8').trim());
    return result;
  };
  return { ...store, init };
}

/** Stops a `restic check` while it holds its exclusive lock; where it was quicker than this process, another one. */
async function stopWithLock(
  start: () => ChildProcess,
  isLocked: () => boolean,
  holders: ChildProcess[],
): Promise<() => Promise<void>> {
  for (let attempt = 0; attempt < 20; attempt += 1) {
    const holder = start();
    holders.push(holder);
    const ended = once(holder, 'exit');
    const goOn = async () => {
      holder.kill('SIGCONT');
      await ended;
    };
    while (!isLocked() && holder.exitCode === null) await sleep(2);
    holder.kill('SIGSTOP');
    if (isLocked() && holder.exitCode === null) return goOn;
    await goOn();
  }
  throw new Error('restic check ended before it was stopped, again and again');
}

/** Another repository, opened by the same password, where the host's was: as when the wrong disk is mounted. */
async function swap(lab: Pick<ResticLab, 'restic' | 'repositoryOf'>, host: string): Promise<() => Promise<void>> {
  const repository = lab.repositoryOf(host);
  renameSync(repository, `${repository}.away`);
  lab.restic(host, 'init');
  return async () => {
    rmSync(repository, { recursive: true });
    renameSync(`${repository}.away`, repository);
  };
}
