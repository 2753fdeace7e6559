// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PluginContext } from '../../plugin.ts';
import type { Count } from './contents.ts';
import type { InfluxOptions } from './options.ts';
import { createVersionOne } from './version-one.ts';
import { createVersionTwo } from './version-two.ts';

/** What save, verify and restore need of a server, whatever its version is. A database of version 2 is a bucket. */
export interface InfluxServer {
  /** `databases` or `buckets`, for people. */
  readonly noun: string;
  /** @throws BackupError when programs are missing, or the server cannot be asked */
  readonly check: () => Promise<void>;
  /** Saves one database, or all, into an empty directory of this machine. */
  readonly backup: (directory: string, database: string | undefined) => Promise<void>;
  readonly databases: () => Promise<readonly string[]>;
  readonly drop: (database: string) => Promise<void>;
  /** Puts back a database that is not there, under its own name or another one. */
  readonly restore: (directory: string, database: string, as: string) => Promise<void>;
  /**
   * What goes with a database when it is dropped and no backup brings back, as statements that make it anew, by database:
   * continuous queries and grants of version 1.
   */
  readonly statements: () => Promise<ReadonlyMap<string, readonly string[]>>;
  /** Measurements in a database, to compare a copy with; undefined where this version does not tell. */
  readonly measurements: (database: string) => Promise<readonly string[] | undefined>;
  /** Their points; undefined where that is too dear, or this version does not tell. */
  readonly counts: (database: string) => Promise<readonly Count[] | undefined>;
  /** As `1.8.10`; undefined where it does not tell. */
  readonly version: () => Promise<string | undefined>;
  /** Runs such statements; what is said against each that is refused. */
  readonly execute: (statements: readonly string[]) => Promise<readonly string[]>;
  /** Waits until a database that was put back answers; a warning where it answers with nothing. */
  readonly settle: (database: string) => Promise<string | undefined>;
}

export type Asking = Pick<PluginContext<InfluxOptions>, 'options' | 'exec' | 'tools' | 'signal'>;

/** The server that the options are about. */
export function serverOf(asking: Asking): InfluxServer {
  return isVersionTwo(asking.options) ? createVersionTwo(asking) : createVersionOne(asking);
}

export function isVersionTwo({ version, org }: InfluxOptions): boolean {
  return version === 2 || (version === undefined && org !== undefined);
}
