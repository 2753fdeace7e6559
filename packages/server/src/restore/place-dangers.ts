// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstatSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { realPath } from '../config/directories.ts';

const WRITE = 0o2;
const ENTER = 0o1;
const STICKY = 0o1000;

interface Place extends Pick<Stats, 'mode' | 'uid' | 'gid'> {
  readonly path: string;
}

/**
 * What other accounts of this machine could do to a restore into a directory, which may be missing still: a text for each.
 * Names and content come from a host, and root writes them.
 */
export function dangersOf(target: string): readonly string[] {
  const real = realPath(target);
  const places = placesOf(real);
  const open = places.find((place) => canBeSwapped(place, real));
  const isEntered = places[0]?.path === real && places.every((place) => othersMay(ENTER, place));
  return [
    ...(open === undefined
      ? []
      : [
          `Others can write to ${showControls(open.path)}: while the restore runs they could put links in its way, and root ` +
            'would write where they lead. Restore into a directory that only root can write to, above as well, and copy ' +
            'from there',
        ]),
    ...(isEntered
      ? [
          `Others can enter ${showControls(real)}: programs that are set-uid on the host will be so in there. Close it ` +
            `first: chmod 0700 ${showControls(real)}`,
        ]
      : []),
  ];
}

/** The directory and those above it, as far as they exist. */
function placesOf(path: string): readonly Place[] {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  const above = path === '/' ? [] : placesOf(dirname(path));
  return stats === undefined ? above : [{ path, mode: stats.mode, uid: stats.uid, gid: stats.gid }, ...above];
}

/** In a sticky directory, /tmp for example, nobody else can put something in the place of what root has made. */
function canBeSwapped(place: Place, target: string): boolean {
  const isSafe = (place.mode & STICKY) !== 0 && place.uid === process.geteuid?.() && place.path !== target;
  return othersMay(WRITE, place) && !isSafe;
}

function othersMay(bit: number, { mode, uid, gid }: Place): boolean {
  return uid !== process.geteuid?.() || (mode & bit) !== 0 || (gid !== 0 && (mode & (bit << 3)) !== 0);
}
