// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '@local-backup/common/sleep';
import type { Check } from '../../plugin-copy.ts';
import type { StoppedUnits } from './quiet.ts';
import type { Context } from './units.ts';

/** How a unit fares. */
interface State {
  readonly activeState: string;
  readonly subState: string;
  readonly restarts: number;
  /** Since when it is active, in microseconds of the monotonic clock; 0 where systemd does not say. */
  readonly activeSince: number;
  /** Something starts it when it is needed. */
  readonly isTriggered: boolean;
}

const QUERY_TIMEOUT_MS = 60_000;

const PROPERTIES = 'ActiveState,SubState,NRestarts,ActiveEnterTimestampMonotonic,TriggeredBy';

/** Where nobody says otherwise, systemd gives a unit up after so many starts in that time (systemd.unit(5), StartLimitBurst=). */
const LOOP = { restarts: 5, milliseconds: 10_000 };

/** Half of that. */
const STABLE_US = 5_000_000;

/** What a unit gets to come up for good. */
const LONGEST_WAIT_MS = 60_000;

const POLL_MS = 250;

/** Those of these units that systemd is about to start again, because they have failed, or has just done so. */
export async function unitsInTrouble(names: readonly string[], context: Context): Promise<string[]> {
  const states = await statesOf(names, context);
  const now = monotonicNow();
  return names.filter((_, index) => {
    const { subState = '', restarts = 0, activeSince = 0 } = states[index] ?? {};
    return subState === 'auto-restart' || (restarts > 0 && activeSince > 0 && now - activeSince < STABLE_US);
  });
}

/** Microseconds of the clock that systemd has its times from. */
function monotonicNow(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/**
 * Whether what was started stays up: active for a few seconds, not about to be restarted. Waited for, up to a minute.
 * @param troubled units that were in trouble before the restore: that they are again does not speak against the copy
 */
export async function verifyUnits(
  { stop, dependents }: StoppedUnits,
  troubled: readonly string[],
  context: Context,
): Promise<readonly Check[]> {
  const units = [...stop, ...dependents];
  if (units.length === 0)
    return [{ name: 'units', status: 'skipped', message: 'none ran before, and none was started' }];
  const names = units.map(({ name }) => name);
  let first: readonly State[] | undefined;
  for (let waited = 0; ; waited += POLL_MS) {
    const states = await statesOf(names, context);
    first ??= states;
    const now = monotonicNow();
    const checks = units.map((unit, index) => {
      const restarts = (states[index]?.restarts ?? 0) - (first?.[index]?.restarts ?? 0);
      const isLoop = restarts >= LOOP.restarts && waited >= LOOP.milliseconds;
      return checkUnit(unit, states[index], { now, isOver: isLoop || waited >= LONGEST_WAIT_MS });
    });
    const known = checks.filter((check) => check !== undefined);
    if (known.length === checks.length) return known.map((check) => asBefore(check, troubled));
    await sleep(POLL_MS, context.signal);
  }
}

function asBefore(check: Check, troubled: readonly string[]): Check {
  if (check.status !== 'failed' || !troubled.includes(check.name)) return check;
  return { ...check, status: 'skipped', message: `${check.message} It was restarted again and again before, too.` };
}

/** @returns undefined where it needs another moment */
function checkUnit(
  { name, isJob }: StoppedUnits['stop'][number],
  state: State | undefined,
  { now, isOver }: { readonly now: number; readonly isOver: boolean },
): Check | undefined {
  const failed = (what: string): Check => {
    return { name, status: 'failed', message: `${what}. See: systemctl status ${name}` };
  };
  const { activeState = '', subState = '', restarts = 0, activeSince = 0, isTriggered = false } = state ?? {};
  // A job is done some time, and may take hours.
  const isQuiet = activeState === 'inactive' && (isJob || isTriggered);
  if (isQuiet || (isJob && activeState === 'activating')) return { name, status: 'ok', message: activeState };
  if (['failed', 'inactive', ''].includes(activeState)) return failed(`it is ${activeState || 'not known to systemd'}`);
  const isStable = activeState === 'active' && (activeSince === 0 || now - activeSince >= STABLE_US);
  if (isStable) return { name, status: 'ok', message: 'active' };
  return isOver ? failed(`it does not stay up: ${activeState} (${subState}), restarted ${restarts} times`) : undefined;
}

/** In the order of the names. */
async function statesOf(names: readonly string[], { exec, signal }: Context): Promise<readonly State[]> {
  if (names.length === 0) return [];
  const args = ['show', '--no-pager', `--property=${PROPERTIES}`, '--', ...names];
  const { stdout } = await exec('systemctl', args, { cwd: '/', timeoutMs: QUERY_TIMEOUT_MS, signal });
  return stdout
    .trim()
    .split(/\n\n+/)
    .map((block) => {
      const text = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(block)?.[1] ?? '';
      return {
        activeState: text('ActiveState'),
        subState: text('SubState'),
        restarts: Number(text('NRestarts')),
        activeSince: Number(text('ActiveEnterTimestampMonotonic')),
        isTriggered: text('TriggeredBy') !== '',
      };
    });
}
