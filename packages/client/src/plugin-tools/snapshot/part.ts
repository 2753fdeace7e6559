// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import type { PluginContext } from '../../plugin.ts';
import type { Mount } from './mounts.ts';

/** What a plugin lends: how programs are run, and where to say things. */
export type SnapshotIo = Pick<PluginContext, 'exec' | 'signal' | 'log'>;

/** What a snapshot is made of: plain JSON, for it is remembered before the snapshot is made. */
export type Part =
  | { readonly kind: 'btrfs'; readonly device: string }
  | { readonly kind: 'zfs'; readonly dataset: string; readonly clone: boolean }
  | { readonly kind: 'lvm'; readonly group: string; readonly volume: string; readonly thin: boolean };

export type SnapshotKind = Part['kind'];

/** A mounted file system that is read, and what its snapshot is made of. */
export interface PartMount {
  readonly mount: Mount;
  readonly part: Part;
}

/** A directory of a snapshot or a file system of the host, and where it belongs on the host. */
export interface Layer {
  /** Absolute, on the host. */
  readonly point: string;
  /** Where it is read from. */
  readonly source: string;
  /** True: mounted on the host now, and perhaps not for long. */
  readonly live?: boolean;
}

/** What a snapshot consists of. */
export interface Made {
  readonly layers: readonly Layer[];
  readonly warnings: readonly string[];
}

/** How one snapshot is made. */
export interface MakeOptions {
  /** Name of everything that is made: see {@link Names}. */
  readonly name: string;
  /** An empty directory that it is mounted on; whatever is mounted in it is unmounted before the snapshot is removed. */
  readonly directory: string;
  /** Mounts of this part's file system that are read. */
  readonly mounts: readonly Mount[];
  /** Whether a directory that is seen in this mount is read, or lies on the way to what is read. */
  readonly concerns: (path: string, mount: Mount) => boolean;
  /** Room for what changes while the snapshot is there, for kinds that want to know: `20%`, `5G`. */
  readonly size: string;
}

/** One kind of file system that knows snapshots. */
export interface SnapshotMaker<One extends Part> {
  /** Makes it and mounts it; `name` and `part` are on disk already. */
  make(part: One, options: MakeOptions, io: SnapshotIo): Promise<Made>;
  /** Removes it, however far `make` had come, and every other one whose name fits. Nothing of it is mounted any more. */
  remove(
    part: One,
    fits: (name: string) => boolean,
    io: SnapshotIo & { readonly directory: string },
  ): Promise<string[]>;
}

/** Longest time for one command, in milliseconds: removing a large snapshot takes a while. */
const COMMAND_MS = 10 * 60_000;

/** Runs one of the programs of a file system; messages in English, for some are read. */
export function runTool(io: SnapshotIo, [program = '', ...args]: readonly string[], accept: readonly number[] = [0]) {
  return io.exec(program, args, { env: { LC_ALL: 'C' }, timeoutMs: COMMAND_MS, signal: io.signal, accept });
}

/** How often, with a pause of so many milliseconds, something is tried that may be in use. */
const TRIES = 6;
const PAUSE_MS = 500;

/** The same for what fails while somebody is looking at it, or has only just left. */
export async function insistOnTool(io: SnapshotIo, words: readonly string[]): Promise<void> {
  for (let left = TRIES; ; left -= 1) {
    try {
      await runTool(io, words);
      return;
    } catch (error) {
      if (left <= 1) throw error;
      await delay(PAUSE_MS, undefined, { signal: io.signal });
    }
  }
}
