// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Memo } from '../../plugin.ts';
import { LARGEST_MEMO } from './protocol.ts';

interface Journal {
  readonly remember: (memo: Memo) => Promise<void>;
  readonly remembered: () => Memo | undefined;
}

/** The file `$BACKUP_STATE` while a stage is under way. */
interface OpenState {
  readonly file: string;
  /** Writes `{"remember": ...}` down: journal first, then the file. */
  readonly remember: (state: string) => Promise<void>;
}

/**
 * Gives `$BACKUP_STATE` to a stage that begins something that has to be undone. Before it begins, the journal says so;
 * when it has ended, well or not, what it has written into the file is in the journal.
 * @param file where it is to be, in a directory of ours: the journal tells the next run, so that even what a killed stage
 *   has written is found
 */
export async function withStateToWrite<Result>(
  file: string,
  { remember, remembered }: Journal,
  work: (state: OpenState) => Promise<Result>,
): Promise<Result> {
  let written = stateIn(remembered());
  const note = async (state: string) => {
    await remember({ begun: true, file, state });
    written = state;
  };
  await note(written);
  await writeFile(file, written, { mode: 0o600 });
  try {
    return await work({
      file,
      remember: async (state) => {
        await note(state);
        await writeFile(file, state, { mode: 0o600 });
      },
    });
  } finally {
    const now = await readState(file);
    if (now !== undefined && now !== written) await note(now);
  }
}

/** Gives a stage that undoes the file as the journal knows it, or as a killed stage has left it. */
export async function withStateToRead<Result>(
  { remember, remembered }: Journal,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  const memo = remembered() ?? {};
  const left = typeof memo.file === 'string' ? await readState(memo.file) : undefined;
  if (left !== undefined && left !== stateIn(memo)) await remember({ ...memo, state: left });
  const directory = await mkdtemp(join(tmpdir(), 'backup-state-'));
  try {
    const file = join(directory, 'state');
    await writeFile(file, left ?? stateIn(memo), { mode: 0o600 });
    const result = await work(file);
    // It lies in what is going to be the archive. Where the stage has failed it may be needed again.
    if (typeof memo.file === 'string') await rm(memo.file, { force: true });
    return result;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function stateIn(memo: Memo | undefined): string {
  return typeof memo?.state === 'string' ? memo.state : '';
}

/**
 * @returns undefined where there is no such file
 * @throws BackupError `failed` where it is too large for the journal
 */
async function readState(file: string): Promise<string | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK).catch(
    () => undefined,
  );
  if (handle === undefined) return undefined;
  try {
    if (!(await handle.stat()).isFile()) return undefined;
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(LARGEST_MEMO + 1), 0, LARGEST_MEMO + 1, 0);
    if (bytesRead <= LARGEST_MEMO) return buffer.subarray(0, bytesRead).toString('utf8');
    throw new BackupError(
      'failed',
      `The plugin wrote more than ${LARGEST_MEMO} bytes into $BACKUP_STATE. It is for the little that \`post\` needs.`,
    );
  } finally {
    await handle.close();
  }
}
