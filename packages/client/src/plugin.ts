// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import type { Tools } from '@local-backup/common/config/tools';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import type * as z from 'zod';
import type { Check, CopyContext, TaskRestore } from './plugin-copy.ts';

/** A tree of the host that is read in place, straight into the archive's stream. */
export interface Tree {
  /** Directory of the service, inside the archive, that the tree is put under: `data` for `data/etc/hosts`. */
  readonly into: string;
  /** The directory that `paths` are relative to: `/`, or where a snapshot of it is mounted. */
  readonly root: string;
  /** The directory of the host that `root` shows, where that is a snapshot: messages name what is on the host. */
  readonly shows?: string;
  /** Files and directories, relative to `root`, without overlaps; their parents are stored too, without content. */
  readonly paths: readonly BytePath[];
  /** rsync-style patterns; a leading `/` means `root`. See docs/plugins of the `files` plugin. */
  readonly exclude: readonly string[];
  readonly oneFileSystem: boolean;
}

/** Something of the host that is read in place. */
export interface HostRead {
  /** The directory that a leading `/` of a pattern means. */
  readonly root: string;
  /** Absolute: a directory with all that is in it, or a file. */
  readonly path: string;
  /** As in {@link Tree}. */
  readonly exclude: readonly string[];
}

/** What `run` hands over, beside the files that it left in the stage. */
export interface TaskResult {
  readonly trees?: readonly Tree[];
  /**
   * True: the trees are read from snapshots, so the service may go on while they are read. The `post` of this task is
   * called when they have been read, those of the other tasks before.
   */
  readonly snapshot?: boolean;
  /** What was not as it should be though the task could be done: each makes the service a `warning`. */
  readonly warnings?: readonly string[];
  /** What of it could not be saved, while the rest was: each makes the task `failed`. */
  readonly failures?: readonly string[];
  /** What a restore has to know: engine versions, image digests. Each value at most 1,000 characters. */
  readonly facts?: Readonly<Record<string, string>>;
  /** Of a database: its tables by their full names, with the rows that were saved; undefined where nobody counted them. */
  readonly tables?: ReadonlyMap<string, number | undefined>;
}

/** Everything that a plugin may use; it imports nothing else of this program. */
export interface PluginContext<Options = unknown> {
  readonly service: { readonly name: string; readonly type: string; readonly configDirectory: string };
  readonly options: Options;
  /** A directory of the service, mode 0700, whose content goes into the archive. Shared by the tasks of a service. */
  readonly stage: string;
  /** Runs an external program: no shell, with a time limit, ended as a group when the run is ended. */
  readonly exec: Run;
  /** Programs that client_config.yml may have named: program and first arguments. */
  readonly tools: Tools;
  readonly log: Log;
  /** Aborted when the run is to end: stop waiting, throw; `post` is called after that with a signal of its own. */
  readonly signal: AbortSignal;
  /**
   * Writes down what `post` will need, before `prepare` does it: on disk (fsync) when the promise resolves, so that the
   * next run or `backup-client recover` can call `post` even after `kill -9`. Replaces what was remembered before.
   */
  readonly remember: (memo: Memo) => Promise<void>;
  /** What `prepare` remembered, in this run or in the one that was killed; undefined where it came to nothing. */
  readonly remembered: () => Memo | undefined;
}

/** Plain JSON. */
export type Memo = Readonly<Record<string, unknown>>;

/**
 * Knows how to save one kind of task. One folder under `plugins/`, one line in `plugins/index.ts`. The core calls, for
 * each task of a service: validate (all services first), prepare, run, post.
 */
export interface Plugin<Options = unknown> {
  /** The task's key in service.yaml. */
  readonly name: string;
  /** One sentence for the reference documentation. */
  readonly summary: string;
  /** Strict schema with a description on every key: checks, types and reference documentation come from here. */
  readonly options: z.ZodType<Options>;
  /**
   * Order of `prepare` within a service, low first; `post` goes the other way round. Default 50; containers 10.
   */
  readonly order?: number;
  /**
   * True: an option `container` names where it does its work. A task with one is prepared and run before containers are
   * stopped, and restored when they have been started: it runs in what they stop.
   */
  readonly takesContainer?: boolean;
  /** True: its tasks only go along with others; a service that has none but such ones is refused. */
  readonly savesNothing?: boolean;
  /**
   * True: whatever `prepare` remembers, it stops nothing. Otherwise a service counts as stopped from the `prepare` that
   * remembered something on, unless the task's result says `snapshot`.
   */
  readonly stopsNothing?: boolean;
  /** True: with these options a task saves nothing, as with `savesNothing`. Pure. */
  savesNothingWith?(options: Options): boolean;
  /** What a task would save, in a few words for `backup-client check`: `database shop, plain SQL`. Pure. */
  describe?(options: Options): string;
  /** What it reads in place, for `backup-client check`, which tells of what is saved twice. Pure. */
  reads?(options: Options): readonly HostRead[];
  /** Throws if a run cannot succeed. Changes nothing. May return warnings. */
  validate?(context: PluginContext<Options>): Promise<readonly string[] | undefined>;
  /** Makes the service quiet. Calls `remember` before it does anything that has to be undone. */
  prepare?(context: PluginContext<Options>): Promise<void>;
  /** Leaves in `stage`, or names as trees, all that a restore needs. */
  run(context: PluginContext<Options>): Promise<TaskResult>;
  /**
   * Undoes `prepare`. Always called once `prepare` has begun, also when it failed half-way or the machine was switched
   * off in between (then by the next run, `run` not called); safe to call twice.
   */
  post?(context: PluginContext<Options>): Promise<void>;
  /**
   * Looks at a restored copy of what `run` saved: would it load? Changes nothing outside `scratch`, and asks no server of
   * this host. Throws only where it could not look; what is wrong with the copy is in the result. Missing: the files are
   * all there is to it, and the entry list has proven them.
   */
  verify?(context: CopyContext<Options>): Promise<readonly Check[]>;
  /** Puts back what `run` saved. Missing: the plugin saves nothing that has to be put back. */
  readonly restore?: TaskRestore<Options>;
}

/** Keeps the type of the options inside the plugin while the list of plugins holds them all. */
export function definePlugin<Options>(plugin: Plugin<Options>): Plugin {
  return plugin as unknown as Plugin;
}
