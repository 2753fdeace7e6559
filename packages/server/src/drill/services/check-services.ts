// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, lstat, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Run } from '@local-backup/common/exec';
import type { Manifest } from '@local-backup/common/manifest';
import type { ServiceAmount } from '../drill-choice.ts';
import { type CagedProgram, runCaged } from './cage.ts';
import { type Outcome, outcomeOf } from './judge.ts';
import { type Job, verdictSchema } from './verdict.ts';
import { watchSpace } from './watch-space.ts';

/** Where services are looked at, and with what. */
export interface ServicesIo {
  /** A restored tree that was found to be as its entry list. */
  readonly tree: string;
  /** An empty directory, for the cage. */
  readonly mountPoint: string;
  /** An empty directory that throw-away servers may fill. */
  readonly scratch: string;
  readonly program: CagedProgram;
  readonly manifest: Manifest | undefined;
  /** Bytes that may still be used on the disk of `scratch`; asked again and again. */
  readonly room: () => Promise<number>;
  readonly run: Run;
  /** For all of them, in milliseconds. */
  readonly timeMs: number;
  readonly signal: AbortSignal;
}

export interface ServiceOutcome {
  /** `<type>/<name>` */
  readonly service: string;
  readonly outcome: Outcome;
}

/** Making a service readable: millions of files on a slow disk. */
const CHMOD_TIMEOUT_MS = 60 * 60_000;

/** Timers may be early by about one. */
const TIMER_MS = 10;

/** Data of a server are some thousand files. */
const REMOVE_TIMEOUT_MS = 10 * 60_000;

/**
 * Would every service come back? One after the other, each in a cage of its own, its plugins load what they saved into
 * throw-away servers and count.
 * @param services what was restored, by the entry list
 * @throws only when the signal is aborted
 */
export async function checkServices(
  services: readonly ServiceAmount[],
  io: ServicesIo,
): Promise<readonly ServiceOutcome[]> {
  const end = performance.now() + io.timeMs;
  const outcomes: ServiceOutcome[] = [];
  for (const service of servicesToCheck(services, io.manifest)) {
    const timeoutMs = Math.floor(end - performance.now());
    const outcome = timeoutMs > 0 ? await check(service, { ...io, timeoutMs }) : NO_TIME;
    outcomes.push({ service: service.name, outcome });
  }
  return outcomes;
}

const NO_TIME: Outcome = {
  kind: 'unseen',
  why: 'the time for it was up (half of what is left of drill.max_duration, at least 15 min)',
  odd: true,
};

/** A manifest knows which directories are services. */
function servicesToCheck(services: readonly ServiceAmount[], manifest: Manifest | undefined): readonly ServiceAmount[] {
  if (manifest === undefined) return services;
  const known = new Set(manifest.services.map(({ type, name }) => `${type}/${name}`));
  return services.filter(({ name }) => known.has(name));
}

interface OneIo extends ServicesIo {
  readonly timeoutMs: number;
}

async function check(service: ServiceAmount, io: OneIo): Promise<Outcome> {
  const { signal, room } = io;
  signal.throwIfAborted();
  const free = await room();
  // What is loaded takes about the bytes of its dump again; where it takes more, the watch below notices.
  if (free < service.bytes) {
    const why = `there is room for ${formatBytes(Math.max(0, free))} in drill.directory, and it has ${formatBytes(service.bytes)}`;
    return { kind: 'unseen', why, odd: true };
  }
  const directory = join(io.tree, service.name);
  if (!(await isRealDirectory(directory))) return { kind: 'unseen', why: 'it is no directory', odd: true };
  const watch = watchSpace(room, signal);
  try {
    await makeReadable(directory, io);
    const inCage = { ...io, maxFileBytes: free, signal: watch.signal };
    return await withOwnScratch(io, (scratch) => runJob(jobFor(service, io.manifest), { ...inCage, scratch }));
  } catch (error) {
    signal.throwIfAborted();
    if (watch.isFull()) return { kind: 'unseen', why: 'loading it would have filled drill.directory', odd: true };
    if (!(error instanceof BackupError)) throw error;
    return { kind: 'failed', lines: [`could not be looked at: ${describeError(error)}`] };
  } finally {
    watch.end();
  }
}

/** What one service leaves takes no room from the next. */
async function withOwnScratch<Result>(
  { scratch, run }: ServicesIo,
  work: (scratch: string) => Promise<Result>,
): Promise<Result> {
  const own = join(scratch, 'service');
  await mkdir(own);
  // Servers that run as nobody get into their directories through it.
  await chmod(own, 0o711);
  try {
    return await work(own);
  } finally {
    await run('rm', ['-rf', '--one-file-system', '--', own], { timeoutMs: REMOVE_TIMEOUT_MS });
  }
}

/** The last two parts of a path: neither may lead elsewhere. */
async function isRealDirectory(directory: string): Promise<boolean> {
  const found = await Promise.all([dirname(directory), directory].map((path) => lstat(path).catch(() => undefined)));
  return found.every((facts) => facts?.isDirectory());
}

/**
 * Programs that look at a copy run as nobody, without CAP_DAC_READ_SEARCH (see cage.ts), so nobody has to be able to read
 * it. It is a copy, compared already, in a directory that only root can enter.
 */
async function makeReadable(directory: string, { tree, run, signal }: OneIo): Promise<void> {
  for (const path of [tree, dirname(directory)]) await chmod(path, 0o755);
  await run('chmod', ['-R', 'a+rX', '--', directory], { timeoutMs: CHMOD_TIMEOUT_MS, signal });
}

function jobFor({ name }: ServiceAmount, manifest: Manifest | undefined): Job {
  const found = manifest?.services.find((service) => `${service.type}/${service.name}` === name);
  return { service: name, ...(found === undefined ? {} : { manifest: found }) };
}

async function runJob(job: Job, io: OneIo & { readonly maxFileBytes: number }): Promise<Outcome> {
  const started = performance.now();
  try {
    const caged = await runCaged({ ...io, copy: io.tree }, ['verify-copy'], JSON.stringify(job));
    if ('unbuilt' in caged) return { kind: 'unseen', why: caged.unbuilt, odd: true };
    return outcomeOf(parseVerdict(caged.stdout));
  } catch (error) {
    if (!io.signal.aborted && performance.now() - started >= io.timeoutMs - TIMER_MS) return NO_TIME;
    throw error;
  }
}

/** @throws BackupError `failed` where it is none */
function parseVerdict(text: string) {
  try {
    return verdictSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new BackupError('failed', 'the program in the cage did not end with a verdict', { cause });
  }
}
