// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { createToolbox } from '@local-backup/common/program';
import type { Item } from '../stores/history.ts';
import { describeFound, findSnapshot } from './find-snapshot.ts';
import { cleanPath, nothingAt } from './ls.ts';
import { historyOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface DumpOptions {
  /** A directory, as tar. */
  readonly archive?: boolean;
}

/** restic writes there itself: bytes as they are, as fast as the reader takes them. */
const STANDARD_OUTPUT = 1;

/** `backup-server dump SNAPSHOT PATH`: the content of a file to standard output; messages go to standard error. */
export async function dump(given: Session, name: string, wanted: string, options: DumpOptions): Promise<number> {
  const session = talkingAside(given);
  const { json, signal } = session;
  if (json)
    throw new BackupError('usage', 'dump writes the content itself: there is no --json. "ls --json" tells about it.');
  const path = cleanPath(wanted);
  const found = await findSnapshot(session, name);
  const history = historyOf(found.host, session);
  const where = { snapshot: found.snapshot.id, path };
  let item: Item | undefined;
  const onItem = (listed: Item) => {
    if (listed.path === path) item = listed;
  };
  if (path !== '') await history.list({ ...where, recursive: false }, onItem, signal);
  if (path !== '' && item === undefined) throw await nothingAt(history, where, signal);
  requireContent(path, item?.type ?? 'directory', options.archive ?? false);
  process.stderr.write(`${describeFound(found)}\n`);
  await history.dump(where, STANDARD_OUTPUT, signal).catch(explainOutput);
  return 0;
}

/** `dump ... | head` and a full disk under `dump ... > FILE` are no faults of the repository; yet it has to be told. */
function explainOutput(error: unknown): never {
  if (!(error instanceof BackupError)) throw error;
  const found = OUTPUT_PROBLEMS.find(([text]) => text.test(error.message));
  if (found === undefined) throw error;
  throw new BackupError('failed', found[1], { cause: error });
}

const OUTPUT_PROBLEMS: readonly (readonly [RegExp, string])[] = [
  [/SIGPIPE/, 'The content was not read to its end: the program that it was piped into has ended.'],
  [
    /write \/dev\/stdout: (?:no space left|disk quota exceeded)/,
    'There is no room left where standard output goes to: the content was not written to its end.',
  ],
];

/** Standard output is for the content alone, with --verbose as well. */
function talkingAside(session: Session): Session {
  const { json, config } = session;
  return { ...session, ...createToolbox({ level: config.logLevel, json, infoTo: process.stderr }) };
}

function requireContent(path: string, type: Item['type'], archive: boolean): void {
  const shown = path === '' ? 'The whole tree' : `"${showControls(path)}"`;
  if (type === 'directory' && !archive) {
    throw new BackupError('usage', `${shown} is a directory: --archive writes it as tar, "ls" shows what is in it.`);
  }
  if (type === 'directory' || (type === 'file' && !archive)) return;
  const advice = type === 'file' ? 'leave --archive away' : 'it has no content; "restore --path" restores it';
  throw new BackupError('usage', `${shown} is a ${type}: ${advice}.`);
}
