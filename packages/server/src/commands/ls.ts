// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { pathText, renderItem } from '../report/render-items.ts';
import type { History, Item } from '../stores/history.ts';
import { describeFound, findSnapshot } from './find-snapshot.ts';
import { historyOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface LsOptions {
  readonly recursive?: boolean;
}

/** `backup-server ls SNAPSHOT [PATH]`: what a directory of a snapshot holds; with `--json` one object a line. */
export async function ls(session: Session, name: string, wanted: string, options: LsOptions): Promise<number> {
  const { json, print, signal } = session;
  const path = cleanPath(wanted);
  const found = await findSnapshot(session, name);
  const history = historyOf(found.host, session);
  if (!json) print(describeFound(found));
  let itself: Item | undefined;
  let count = 0;
  const onItem = (item: Item) => {
    if (item.path === path) itself = item;
    if (item.path === path && item.type === 'directory') return;
    count += 1;
    print(json ? JSON.stringify(item) : renderItem(item));
  };
  await history.list({ snapshot: found.snapshot.id, path, recursive: options.recursive ?? false }, onItem, signal);
  if (path !== '' && itself === undefined)
    throw await nothingAt(history, { snapshot: found.snapshot.id, path }, signal);
  if (count === 0 && !json) print('(empty)');
  return 0;
}

/** Without slashes at its ends; the whole tree is `''`. */
export function cleanPath(path: string): string {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (!names.includes('..')) return names.join('/');
  throw new BackupError(
    'usage',
    `The path "${showControls(path)}" goes upwards with "..": begin at the top of the tree.`,
  );
}

/** Names told of a directory. */
const NAMES_TOLD = 20;

/** The error for a path that is not in a snapshot, with what is in the nearest directory above it. */
export async function nothingAt(
  history: History,
  { snapshot, path }: { readonly snapshot: string; readonly path: string },
  signal: AbortSignal,
): Promise<BackupError> {
  const parent = path.split('/').slice(0, -1).join('/');
  const items: Item[] = [];
  let itself: Item | undefined;
  const onItem = (item: Item) => {
    if (item.path === parent) itself = item;
    else if (items.length < NAMES_TOLD) items.push(item);
  };
  await history.list({ snapshot, path: parent, recursive: false }, onItem, signal);
  if (parent !== '' && itself === undefined) return nothingAt(history, { snapshot, path: parent }, signal);
  const where = parent === '' ? 'At the top' : `In ${showControls(parent)}`;
  const names = items.map((item) => pathText({ ...item, path: item.path.slice(item.path.lastIndexOf('/') + 1) }));
  const more = items.length === NAMES_TOLD ? ', ...' : '';
  const odd = path.includes('\ufffd')
    ? ' A name that is not UTF-8 can only be reached by: restore --path with "?" for each such byte.'
    : '';
  return new BackupError(
    'usage',
    `The snapshot has no "${showControls(path)}". ${where} there are: ${names.join(', ') || '(nothing)'}${more}.${odd}`,
  );
}
