// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Memo, PluginContext } from './plugin.ts';

/** What `verify` may use: a restored copy of a service, on a client or on the server. */
export interface CopyContext<Options = unknown>
  extends Pick<PluginContext<Options>, 'service' | 'options' | 'exec' | 'tools' | 'log' | 'signal'> {
  /**
   * The directory of the service in the copy: what was in the stage, and its trees. Nothing in it is changed. It may come
   * from a machine that was taken over: names, links and contents are not to be trusted.
   */
  readonly copy: string;
  /** What `run` handed over as facts; empty where the manifest is not at hand. */
  readonly facts: Readonly<Record<string, string>>;
  /**
   * An empty directory of mode 0700, for throw-away instances; removed afterwards, whatever is in it. Its path has at most
   * 60 characters, so that a socket fits.
   */
  readonly scratch: string;
  /** `quick`: seconds, right after a dump or before a restore. `full`: loads it into a throw-away instance. */
  readonly level: 'quick' | 'full';
}

/** One thing that `verify` has looked at. */
export interface Check {
  /** What was looked at: `databases/shop.sql`, `shop: rows of public.orders`. */
  readonly name: string;
  /** `skipped`: this machine lacks what it takes; the message names the package that brings it. */
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly message: string;
}

/** What the parts of a restore may use. */
export interface RestoreContext<Options = unknown> extends CopyContext<Options> {
  /**
   * A directory of this task's own, mode 0700, for what is replaced: it stays until the admin removes it. Empty before
   * `apply`.
   */
  readonly kept: string;
  /** A name to restore under, beside what is there (`--as`); undefined: in place. */
  readonly as: string | undefined;
  /** Writes down what `revert` and `start` will need, on disk (fsync) when the promise resolves; as in `prepare`. */
  readonly remember: (memo: Memo) => Promise<void>;
  readonly remembered: () => Memo | undefined;
}

/** One line of the plan that is shown before anything is done. */
export interface RestoreStep {
  readonly action: 'stop' | 'keep' | 'replace' | 'create' | 'load' | 'start' | 'note';
  /** `database shop (3 tables), from databases/shop.sql` */
  readonly what: string;
}

/**
 * How a task is put back. The core calls, for all tasks of a service: plan (all of them, shown and confirmed), the
 * plugin's verify at level quick, stop (in the order of `prepare`), apply (same order), start (the other way round), and
 * verify of what runs again. Where one fails: stop of those that may have been started, revert of those that were
 * applied, the other way round, then start. A task of a plugin that `takesContainer`, and whose options name one, is
 * applied when the others have been started, and reverted before they are stopped again: it runs in what they stop.
 */
export interface TaskRestore<Options = unknown> {
  /**
   * What `apply` would do. Looks at the copy and at the host, changes nothing.
   * @throws BackupError when it cannot be done, with everything that is in the way: no such program, server not running
   */
  plan(context: RestoreContext<Options>): Promise<readonly RestoreStep[]>;
  /**
   * Makes the service quiet for the restore. `start` is always called once this has begun. Called again before `revert`
   * where `start` had begun: nothing is remembered then, and what it remembers counts for nothing.
   */
  stop?(context: RestoreContext<Options>): Promise<void>;
  /**
   * Puts it back; what is replaced is in `kept` first, or still where a memo says.
   * @returns warnings
   */
  apply(context: RestoreContext<Options>): Promise<readonly string[]>;
  /** Puts the old state back, from the memo; also when `apply` was killed half-way. Safe to call twice. */
  revert(context: RestoreContext<Options>): Promise<void>;
  /** Starts what `stop` has stopped, and after a restore on an empty host what ran when it was saved. Safe to call twice. */
  start?(context: RestoreContext<Options>): Promise<void>;
  /**
   * Looks at what runs again on this host, once all tasks have been started and loaded: does the server answer, is there
   * what was put back? Changes nothing, and remembers nothing. A check that failed has the old state put back, so it fails
   * only for what a service at work cannot explain: others write by now. What needs a moment to come up is waited for,
   * with a bound. What cannot be looked at is `skipped`. Missing, or without checks: told as not looked at.
   * @throws where it could not look: the old state is put back as well, for without evidence nothing is well
   */
  verify?(context: RestoreContext<Options>): Promise<readonly Check[]>;
}
