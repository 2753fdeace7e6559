// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { formatArchiveName, parseArchiveName, stampOf } from '@local-backup/common/archive-name';
import { formatBytes } from '@local-backup/common/bytes';
import { describeError } from '@local-backup/common/errors';
import type { Stream } from '@local-backup/common/exec';
import type { Manifest, ManifestService } from '@local-backup/common/manifest';
import { sleep } from '@local-backup/common/sleep';
import { entryListName, partialName, SPOOL_DONE } from '@local-backup/common/spool';
import { worstStatus } from '@local-backup/common/status';
import { createArchiveWriter, type FinishedArchive } from './archive.ts';
import type { ClientConfig } from './config.ts';
import { openTaskSizes, type TaskSizes } from './expect/task-sizes.ts';
import { listSpool, type Owner, publish, sweepSpool } from './publish.ts';
import { removeOwn } from './remove-own.ts';
import { saveServices } from './save-services.ts';
import type { Service } from './service.ts';
import type { ServiceIo } from './service-work.ts';
import { acquireSpoolLock } from './spool-lock.ts';
import { createWorkDirectory, requireFreeSpace } from './stage.ts';
import type { TaskIo } from './task-context.ts';
import { copiesInUse } from './undo-journal.ts';
import { verifyArchive } from './verify.ts';

export interface BackupIo extends TaskIo {
  readonly stream: Stream;
  readonly owner: Owner;
  readonly version: string;
  readonly now: () => Date;
}

/** What a run of the client has made. */
export interface BackupResult {
  /** Missing when nothing could be saved: then nothing was published either. */
  readonly manifest: Manifest | undefined;
  readonly services: readonly ManifestService[];
}

/**
 * The run: lock the spool, save every service into one archive, read it back, publish it. The services have been
 * validated before; `rejected` are those that did not come so far: they go into the manifest as failed.
 *
 * @throws BackupError `spool-locked`, InterruptedError, or BackupError when the archive could not be made; services that
 *   fail are in the result
 */
export async function backup(
  config: ClientConfig,
  services: readonly Service[],
  rejected: readonly ManifestService[],
  io: BackupIo,
): Promise<BackupResult> {
  const spool = config.baseBackupDir;
  await sweepSpool(spool, config.hostname, io.log, await copiesInUse(io.journal));
  await warnOfFutureArchives(spool, config.hostname, io);
  await requireFreeSpace(spool, config.minFreeBytes);
  const { lockRetries: retries, lockRetryDelayMs: retryDelayMs } = config;
  const lock = await acquireSpoolLock({ spool, retries, retryDelayMs, ...io });
  try {
    const sizes = openTaskSizes(join(config.stateDir, 'sizes'));
    return await saveAndPublish(config, services, rejected, { ...io, sizes });
  } finally {
    await lock.release();
  }
}

interface RunIo extends BackupIo {
  readonly sizes: TaskSizes;
}

async function saveAndPublish(
  config: ClientConfig,
  services: readonly Service[],
  rejected: readonly ManifestService[],
  io: RunIo,
): Promise<BackupResult> {
  const spool = config.baseBackupDir;
  const name = await unusedName(spool, config.hostname, io);
  const partials = partialsOf(spool, name);
  try {
    const made = await makeArchive(config, services, partials, io);
    const all = [...made.services, ...rejected];
    // An archive of nothing but failures would only push a good state out of the server's sight.
    if (!made.hasData) return { manifest: undefined, services: all };
    const manifest = manifestOf(name, all, made, { config, io });
    await verifyArchive({
      archive: partials.archive,
      entryList: partials.entryList,
      manifest,
      signal: io.signal,
    });
    io.signal.throwIfAborted();
    await publish(spool, manifest, io.owner);
    // The archive is there: what could not be remembered costs the next run a comparison, not this one the archive.
    await io.sizes.commit(name).catch((error: unknown) => io.log.warn(describeError(error)));
    io.log.info(`Published ${join(spool, name)} (${formatBytes(manifest.bytes)}).`, { archive: name });
    return { manifest, services: all };
  } finally {
    for (const partial of Object.values(partials)) await rm(partial, { force: true });
  }
}

/** The server takes the newest name: an archive from a time when the clock was wrong would hide the new ones. */
async function warnOfFutureArchives(spool: string, hostname: string, { now, log }: BackupIo): Promise<void> {
  const newest = stampOf(now());
  for (const directory of [spool, join(spool, SPOOL_DONE)]) {
    for (const { name } of await listSpool(directory)) {
      const parsed = parseArchiveName(name);
      if (parsed?.hostname !== hostname || parsed.stamp <= newest) continue;
      log.warn(
        `${join(directory, name)} is from the future: was the clock wrong? Remove it, or the server skips new ones.`,
      );
    }
  }
}

/** Names have whole seconds: the second of two runs in one second waits for the next. */
async function unusedName(spool: string, hostname: string, { now, signal }: BackupIo): Promise<string> {
  for (;;) {
    const name = formatArchiveName({ hostname, stamp: stampOf(now()) });
    if (!existsSync(join(spool, name)) && !existsSync(join(spool, SPOOL_DONE, name))) return name;
    await sleep(100, signal);
  }
}

interface Partials {
  readonly archive: string;
  readonly entryList: string;
}

function partialsOf(spool: string, archive: string): Partials {
  const partial = (name: string) => join(spool, partialName(name));
  return { archive: partial(archive), entryList: partial(entryListName(archive)) };
}

interface MadeArchive extends FinishedArchive {
  readonly services: readonly ManifestService[];
  /** False: nothing in it is worth keeping. */
  readonly hasData: boolean;
  readonly created: Date;
}

async function makeArchive(
  config: ClientConfig,
  services: readonly Service[],
  partials: Partials,
  io: RunIo,
): Promise<MadeArchive> {
  const created = io.now();
  const work = await createWorkDirectory(config.baseBackupDir);
  try {
    const archive = await createArchiveWriter({
      file: partials.archive,
      entryListFile: partials.entryList,
      gzipLevel: config.gzipLevel,
      concurrency: config.compressionThreads,
      tarCommand: config.tools.tar,
      stream: io.stream,
      signal: io.signal,
      timeoutMs: config.taskTimeoutMs,
    });
    const spool = await realpath(config.baseBackupDir);
    const serviceIo = { ...io, work, archive, spool, minFreeBytes: config.minFreeBytes };
    const made = await fillArchive(services, config.parallelServices, serviceIo);
    return { ...made, created };
  } finally {
    await removeOwn(work).catch((error: unknown) => io.log.error(describeError(error)));
  }
}

async function fillArchive(
  services: readonly Service[],
  parallel: number,
  io: ServiceIo,
): Promise<Omit<MadeArchive, 'created'>> {
  try {
    const saved = await saveServices(services, parallel, io);
    const hasData = saved.some((service) => service.hasData);
    return { services: saved.map(({ report }) => report), hasData, ...(await io.archive.finish()) };
  } catch (error) {
    await io.archive.abort();
    throw error;
  }
}

function manifestOf(
  archive: string,
  services: readonly ManifestService[],
  made: MadeArchive,
  { config, io }: { config: ClientConfig; io: BackupIo },
): Manifest {
  return {
    format: 1,
    hostname: config.hostname,
    archive,
    created: made.created.toISOString(),
    kind: 'full',
    clientVersion: io.version,
    bytes: made.bytes,
    sha256: made.sha256,
    totals: made.totals,
    entryList: { name: entryListName(archive), ...made.entryList },
    status: worstStatus(services.map((service) => service.status)),
    services: [...services],
  };
}
