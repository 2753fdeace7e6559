// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { DiffBytes, History, Item } from '../../history.ts';
import type { ResticStoreOptions, ResticStoreParts } from '../index.ts';
import { type CallOptions, createRestic, type Restic } from '../restic.ts';
import { diffArgs, dumpArgs, findArgs, lsArgs, mountArgs, partialRestoreArgs } from './args.ts';
import { cannotBeLocked } from './lockless.ts';
import { parseDiff, parseFound, parseListed } from './messages.ts';

/** Longest time limit that a timer takes, in milliseconds: 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** The line of `restic mount` after which the directory can be used. */
const MOUNTED = /^Now serving the repository/;

const LOCKLESS =
  'the disk of the repository is read-only or full, so it is read without a lock; nothing may be pruned there meanwhile';

/** Looks into the history of one host in its restic repository. */
export function createResticHistory(
  options: ResticStoreOptions,
  { run, log }: Pick<ResticStoreParts, 'run' | 'log'>,
): History {
  const { host, timeouts } = options;
  const restic = createRestic(options, { run, log });
  // Whole snapshots are gone through, which takes longer than a question.
  const looking = { timeoutMs: Math.max(timeouts.queryMs, timeouts.restoreMs) };
  const reading = { timeoutMs: timeouts.restoreMs };
  let isTold = false;
  const read = async (args: readonly string[], call: CallOptions): Promise<void> => {
    const isLocked = !(await cannotBeLocked(options.repository));
    if (!isLocked && !isTold) log.warn(LOCKLESS);
    isTold ||= !isLocked;
    await restic.call(isLocked ? args : [...args, '--no-lock'], { ...call, locks: isLocked });
  };
  return {
    async list({ snapshot, path, recursive }, onItem, signal) {
      const onLine = (line: string) => {
        const item = readItem(line);
        if (item !== undefined && item.path !== '') onItem(item);
      };
      await restic.call(lsArgs(snapshot, path, recursive), { ...looking, signal, onLine });
    },
    find: (glob, signal) => find(restic, glob, { ...looking, signal }),
    async diff({ older, newer }, onChange, signal) {
      let bytes: DiffBytes | undefined;
      const onLine = (line: string) => {
        const read = parseDiff(line);
        if (read === undefined) return;
        if ('bytes' in read) bytes = read.bytes;
        else onChange(read.change);
      };
      await restic.call(diffArgs(older, newer), { ...looking, signal, onLine });
      return bytes ?? fail('restic diff ended without telling its sums.');
    },
    async dump({ snapshot, path }, descriptor, signal) {
      await read(dumpArgs(snapshot, path), { ...reading, signal, stdoutTo: descriptor });
    },
    async mount(directory, onReady, signal) {
      const onLine = (line: string) => {
        if (MOUNTED.test(line)) onReady();
      };
      await read(mountArgs(host, directory), { signal, timeoutMs: LONGEST_MS - 3_600_000, onLine });
    },
    async restore(request, signal) {
      const args = partialRestoreArgs(await restic.version(signal), request);
      await read(args, { ...reading, signal }).catch((error: unknown) => throwWhereFull(error, request.target));
    },
  };
}

/** restic tells of a full disk in the same words wherever it is, and it is taken for that of the repository. */
function throwWhereFull(error: unknown, target: string): never {
  const isFull = error instanceof BackupError && /no space left|quota exceeded/i.test(error.message);
  if (!isFull || !error.message.includes(`${showControls(target)}/`)) throw error;
  const message = `There is no room left for what is restored on the disk of ${showControls(target)}.`;
  throw new BackupError('failed', `${message} Nothing is wrong with the repository.`, { cause: error });
}

async function find(
  restic: Restic,
  glob: string,
  options: { readonly signal: AbortSignal; readonly timeoutMs: number },
) {
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  try {
    await restic.call(findArgs(restic.settings.host, glob), { ...options, onLine });
  } catch (error) {
    // All that was found is one line, which is read up to a bound.
    if (!(error instanceof RangeError)) throw error;
    const much = `Too much of ${restic.settings.host} fits "${showControls(glob)}" to be listed.`;
    throw new BackupError('failed', `${much} Give more of the name, or of the path.`, { cause: error });
  }
  return parseFound(lines) ?? fail('restic find gives no list that can be read.');
}

function readItem(line: string): Item | undefined {
  try {
    return parseListed(line);
  } catch (error) {
    throw new BackupError('failed', 'restic ls tells of an item in a way that this program does not know.', {
      cause: error,
    });
  }
}

function fail(message: string): never {
  throw new BackupError('failed', message);
}
