// SPDX-License-Identifier: AGPL-3.0-or-later
import { escapeControls } from '@local-backup/common/byte-path';
import type { Item, ItemType } from '../stores/history.ts';
import { formatCount } from './text.ts';

const LETTERS: Record<ItemType, string> = {
  file: '-',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  character: 'c',
  block: 'b',
  socket: 's',
};

/** `-rwsr-xr-x` */
export function modeText({ type, mode }: Pick<Item, 'type' | 'mode'>): string {
  const triple = (shift: number, special: string) => {
    const bits = (mode >> (3 * shift)) & 7;
    const isSpecial = (mode & (0o1000 << shift)) !== 0;
    const last = (bits & 1) !== 0 ? (isSpecial ? special : 'x') : isSpecial ? special.toUpperCase() : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return `${LETTERS[type]}${triple(2, 's')}${triple(1, 's')}${triple(0, 't')}`;
}

/** A line as of `ls -l`: mode, owner, size, time (UTC), path. One at a time: a snapshot may have millions. */
export function renderItem(item: Item): string {
  const owner = `${item.uid}:${item.gid}`.padEnd(11);
  const time = timeText(item.mtime);
  return `${modeText(item)}  ${owner} ${formatCount(item.size).padStart(15)}  ${time}  ${pathText(item)}`;
}

/** Paths come from clients; directories end in a slash. */
export function pathText({ path, type }: Pick<Item, 'path' | 'type'>): string {
  return `${escapeControls(path)}${type === 'directory' ? '/' : ''}`;
}

/** To the second, UTC, without saying so in every line. restic tells times in the zone of whoever saved them. */
export function timeText(time: string): string {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '?'.padEnd(19) : date.toISOString().slice(0, 19).replace('T', ' ');
}
