// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import { sleep } from '@local-backup/common/sleep';
import * as z from 'zod';
import type { Memo } from '../../plugin.ts';
import { type Context, lookAround, showUnits, type Unit } from './units.ts';

const unitSchema = z.object({ name: z.string(), isJob: z.boolean() });

const schema = z.object({
  /** What ran and is stopped, in the order of stopping. */
  stop: z.array(unitSchema),
  /** What ran and stops with it by itself. */
  dependents: z.array(unitSchema),
});

/** What is stopped, on disk before it is. */
export type StoppedUnits = z.infer<typeof schema>;

/** @throws BackupError `failed` where another version has written it */
export function parseStoppedUnits(memo: Memo): StoppedUnits {
  const { data, error } = schema.safeParse(memo);
  if (data !== undefined) return data;
  throw new BackupError('failed', `What was remembered of the stopped units cannot be read: ${z.prettifyError(error)}`);
}

/** What has to be stopped so that the listed units stay quiet: what starts them first, then they in their order. */
export async function findActive(context: Context): Promise<StoppedUnits> {
  const units = await settledUnits(context);
  const { triggers, dependents } = await lookAround(units, context);
  const running = units.filter(({ isActive }) => isActive);
  // A trigger matters also where its unit does not run now: it would start it while it is read.
  return { stop: [...triggers, ...running].map(memoOf), dependents: dependents.map(memoOf) };
}

/** How often it is looked whether a unit is down, in milliseconds. */
const POLL_MS = 200;

/** The listed units, none of them on its way down: whether it will be down, or up again, is then known. */
async function settledUnits(context: Context): Promise<readonly Unit[]> {
  const { units, stop_timeout: limit } = context.options;
  for (let waited = 0; ; waited += POLL_MS) {
    const found = await showUnits(units, context);
    const busy = found.filter(({ isGoingDown }) => isGoingDown).map(({ name }) => name);
    if (busy.length === 0) return found;
    if (waited >= limit)
      throw new BackupError(
        'failed',
        `${busy.join(', ')}: being stopped or restarted by somebody else, for longer than \`stop_timeout\`. See: systemctl list-jobs`,
      );
    await sleep(POLL_MS, context.signal);
  }
}

function memoOf({ name, isJob }: Unit) {
  return { name, isJob };
}

/** @throws BackupError `failed` where a unit does not stop */
export async function stopUnits({ stop }: StoppedUnits, context: Context): Promise<void> {
  const { exec, signal, options } = context;
  for (const { name } of stop) {
    const limits = {
      timeoutMs: options.stop_timeout,
      limitedBy: '`stop_timeout` of the task, `task_timeout` of client_config.yml',
    };
    await exec('systemctl', ['stop', '--', name], { cwd: '/', ...limits, signal });
  }
  const still = (
    await showUnits(
      stop.map(({ name }) => name),
      context,
    )
  ).filter(({ isActive }) => isActive);
  if (still.length === 0) return;
  const names = still.map(({ name }) => name).join(', ');
  throw new BackupError(
    'failed',
    `${names}: active again right after it was stopped. What starts it? systemctl status ${names}`,
  );
}

/**
 * Starts what was stopped, in the opposite order, and what has stopped with it. What runs is asked to start, too: where the
 * stop was cut short, systemd may still have it in its queue, and only a start takes it out. A unit that does not start is
 * tried a second time; it does not keep the others from being started.
 * @param troubled units that were restarted again and again before: of those that do not start it is only told
 * @throws BackupError `failed` with what systemd says and the command to type
 */
export async function startUnits(
  { stop, dependents }: StoppedUnits,
  context: Context,
  troubled: readonly string[] = [],
): Promise<void> {
  const wanted = [...[...stop].reverse(), ...dependents];
  const problems = new Map<string, string>();
  for (const unit of wanted) {
    const problem = (await start(unit, context)) === undefined ? undefined : await start(unit, context);
    if (problem !== undefined) problems.set(unit.name, problem);
  }
  if (context.options.wait_after_start > 0) await sleep(context.options.wait_after_start);
  // A job ends when it is done.
  const lasting = wanted.filter(({ name, isJob }) => !isJob && !problems.has(name));
  for (const name of await quietOnes(lasting, context)) problems.set(name, `${name} was started and is not active.`);
  for (const name of troubled) {
    if (problems.delete(name)) context.log.warn(`${name} does not run. It was restarted again and again before, too.`);
  }
  if (problems.size > 0) throw await loud(problems, context);
}

async function loud(problems: ReadonlyMap<string, string>, context: Context): Promise<BackupError> {
  const names = [...problems.keys()];
  const told: string[] = [];
  for (const [name, problem] of problems) told.push(`${problem}${await statusOf(name, context)}`);
  return new BackupError(
    'failed',
    `NOT RUNNING: ${names.join(', ')}. Stopped for the backup, and could not be started again:\n${told.join('\n')}\n` +
      `Type:\n  systemctl start ${names.join(' ')}`,
  );
}

/** @returns why it did not start */
async function start(
  { name, isJob }: StoppedUnits['stop'][number],
  { exec, signal, options, log }: Context,
): Promise<string | undefined> {
  const limits = {
    timeoutMs: options.start_timeout,
    limitedBy: '`start_timeout` of the task, `task_timeout` of client_config.yml',
  };
  try {
    // The start of a job ends when the job does, which may take hours.
    await exec('systemctl', ['start', ...(isJob ? ['--no-block'] : []), '--', name], { cwd: '/', ...limits, signal });
    return undefined;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    log.error(`Starting ${name} has failed: ${error.message}`);
    return error.message;
  }
}

/** Those that are neither active nor being started, in the same order: `is-active` prints one line for each. */
async function quietOnes(units: StoppedUnits['stop'], { exec, signal }: Context): Promise<readonly string[]> {
  if (units.length === 0) return [];
  const names = units.map(({ name }) => name);
  const options = { cwd: '/', timeoutMs: STATUS_TIMEOUT_MS, signal, accept: [0, 1, 2, 3, 4] };
  const { stdout } = await exec('systemctl', ['is-active', '--', ...names], options);
  const states = stdout.trim().split('\n');
  return names.filter((_, index) => !['active', 'activating', 'reloading', 'refreshing'].includes(states[index] ?? ''));
}

const STATUS_TIMEOUT_MS = 60_000;

/** The last lines of what systemd and the journal say; empty where that cannot be found out. */
async function statusOf(name: string, { exec, signal }: Context): Promise<string> {
  const args = ['status', '--no-pager', '--full', '--lines=10', '--', name];
  const options = { cwd: '/', timeoutMs: STATUS_TIMEOUT_MS, signal, accept: [0, 1, 2, 3, 4] };
  const said = await exec('systemctl', args, options).catch(() => undefined);
  // Secrets are removed by the log.
  return quoteLastLines(said?.stdout ?? '', (text) => text);
}
