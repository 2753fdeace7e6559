// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdir, rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { withInstanceLock } from '@local-backup/common/instance-lock';
import type { Log } from '@local-backup/common/log';
import { isServiceReference } from '@local-backup/common/restore-tar';
import { abortOnSignals } from '@local-backup/common/signals';
import { renderKept } from '../render-restore.ts';
import { findInDirectory } from '../restore/directory-source.ts';
import { type FoundCopy, findCopy } from '../restore/find-copy.ts';
import { keptRootIn, listKept } from '../restore/kept.ts';
import { copyTree, makeTarget } from '../restore/put-copy.ts';
import { type UnpackIo, unpackSource } from '../restore/unpack.ts';
import { createWorkDirectory } from '../stage.ts';
import { copiesInUse } from '../undo-journal.ts';
import type { ServiceCopy } from '../verify-copy.ts';
import { confirmOnTerminal } from './confirm.ts';
import { recoverNow } from './recover.ts';
import { restoreService } from './restore-service.ts';
import { type ClientSession, type GlobalOptions, instanceLockIn, openConfig, openSession } from './session.ts';

export interface RestoreOptions {
  readonly from?: string;
  readonly to?: string;
  readonly inPlace?: boolean;
  readonly as?: string;
  readonly only?: string;
  readonly savedConfig?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly listKept?: boolean;
}

/**
 * `backup-client restore SERVICE`: puts a service back, or its files into a directory.
 * @throws BackupError `usage`, `failed` when it could not be done (then everything is as before, or the message says what
 *   is not), `locked` while a backup is running
 */
export async function restoreCommand(
  global: GlobalOptions,
  service: string | undefined,
  options: RestoreOptions,
  print: (text: string) => void,
): Promise<void> {
  const wanted = options.listKept ? '' : requireUsage(service, options);
  const watch = abortOnSignals();
  try {
    if (options.listKept) {
      const { stateDir } = await openConfig(global);
      return print(renderKept(keptRootIn(stateDir), await listKept(stateDir)));
    }
    const session = await openSession(global);
    watch.signal.addEventListener('abort', () => session.log.warn('Stopping; everything is being put back ...'));
    await withInstanceLock(instanceLockIn(session.config.lockDir), 'backup-client', async (lost) => {
      const signal = AbortSignal.any([watch.signal, lost]);
      if (!options.dryRun) await recoverFirst(session, wanted, signal);
      await restoreFrom(session, wanted, options, { signal, print });
    });
  } finally {
    watch.dispose();
  }
}

/** @throws BackupError `usage` for options that contradict each other */
function requireUsage(service: string | undefined, options: RestoreOptions): string {
  const { to, inPlace, as, only, yes, dryRun } = options;
  const bad = (message: string) => new BackupError('usage', message);
  if (service === undefined || !isServiceReference(service)) throw bad('Name the service, as NAME or TYPE/NAME.');
  const ways = [to !== undefined, inPlace === true, as !== undefined].filter(Boolean).length;
  if (ways !== 1) {
    throw bad('Give one of: --in-place (replace what is there), --as NAME (beside it), --to DIR (only its files).');
  }
  if (to === '') throw bad('--to names nothing. Is a variable of the shell not set?');
  if (as !== undefined && !/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}$/.test(as)) {
    throw bad(
      `--as ${showControls(as)}: a name has letters, digits, "_", "." and "-", at most 63, and begins with none of the last two.`,
    );
  }
  if (to !== undefined && only !== undefined) throw bad('--only goes with --in-place or --as; --to takes all files.');
  if (to === undefined && !yes && !dryRun && !confirmOnTerminal.isPossible()) {
    throw bad('Nobody can be asked here: look at the plan with --dry-run, then say --yes.');
  }
  return service;
}

/** What a killed run has left is put back before anything else; a service that is stuck is not touched. */
async function recoverFirst(session: ClientSession, wanted: string, signal: AbortSignal): Promise<void> {
  const { failed } = await recoverNow(session, signal);
  const stuck = failed.filter(({ service }) => service === wanted || service?.endsWith(`/${wanted}`));
  if (stuck.length === 0) return;
  const list = stuck.map(({ message }) => `  ${message}`).join('\n');
  throw new BackupError(
    'failed',
    `Not restored, because an earlier run could not be undone:\n${list}\nSee: backup-client recover`,
  );
}

interface Surroundings {
  readonly signal: AbortSignal;
  readonly print: (text: string) => void;
}

async function restoreFrom(
  session: ClientSession,
  wanted: string,
  options: RestoreOptions,
  { signal, print }: Surroundings,
): Promise<void> {
  const { config, log } = session;
  const source = await findCopy(options.from, wanted, { spool: config.baseBackupDir, hostname: config.hostname, log });
  const io: UnpackIo = {
    ...{ run: session.run, tar: config.tools.tar, timeoutMs: config.taskTimeoutMs },
    ...{ minFreeBytes: config.minFreeBytes, signal },
  };
  if (options.to !== undefined) return putInto(source, options, { io, print, log });
  await withCopy(source, session, io, async (copy) => {
    const sent = source.kind === 'file' && source.chosen.source.kind === 'sent' ? source.chosen.source.path : undefined;
    await restoreService({ session, copy, source, sent, options, signal, print });
  });
}

/** `--to`: the files as they were saved. */
async function putInto(
  source: FoundCopy,
  { to = '', dryRun }: RestoreOptions,
  { io, print, log }: { readonly io: UnpackIo; readonly print: (text: string) => void; readonly log: Log },
): Promise<void> {
  const asked = resolve(to);
  const { type, name } = source.kind === 'file' ? source.chosen.service : source.found;
  const shown = showControls(asked);
  print(`The files of ${type}/${name} into ${shown}, from ${source.described}\n`);
  if (dryRun) return;
  const target = await makeTarget(asked);
  try {
    if (source.kind === 'file') await unpackSource(source.chosen, target, io);
    else await copyTree(source.found, target, io);
  } catch (error) {
    if ((await readdir(target)).length > 0) log.warn(`What is in ${shown} is not complete.`);
    throw error;
  }
  print(`They are in ${shown}/${type}/${name}. To put the service back from there: --from ${shown}\n`);
}

/** A directory is used where it is; out of a file the service is unpacked, on the file system of the spool. */
async function withCopy(
  source: FoundCopy,
  { config, journal }: ClientSession,
  io: UnpackIo,
  work: (copy: ServiceCopy) => Promise<void>,
): Promise<void> {
  if (source.kind === 'directory') {
    const { directory, type, name } = source.found;
    // Once more, now that it is about to be read.
    await findInDirectory(directory, `${type}/${name}`);
    return work({ directory, manifest: undefined });
  }
  const directory = await createWorkDirectory(config.baseBackupDir);
  try {
    await work(await unpackSource(source.chosen, directory, io));
  } finally {
    // What could not be undone may need it: it stays until `recover` has done it, and goes with the next backup.
    const isNeeded = (await copiesInUse(journal)).some((copy) => copy.startsWith(`${directory}/`));
    if (!isNeeded) await rm(directory, { recursive: true, force: true });
  }
}
