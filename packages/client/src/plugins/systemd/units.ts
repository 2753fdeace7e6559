// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import type { PluginContext } from '../../plugin.ts';
import type { SystemdOptions } from './options.ts';
import { unitOfCgroup } from './protected.ts';

/** What the stages of a backup and of a restore have in common. */
export type Context = Pick<PluginContext<SystemdOptions>, 'options' | 'exec' | 'signal' | 'log'>;

/** A unit as systemd knows it now. */
export interface Unit {
  /** As it was asked for; `id` is another one for an alias. */
  readonly name: string;
  readonly id: string;
  /** `loaded`, `not-found`, `masked`, `bad-setting`, `error` */
  readonly loadState: string;
  /** Running, or about to. */
  readonly isActive: boolean;
  /** On its way down, or at the point of a restart where it is down: what it will be is not known yet. */
  readonly isGoingDown: boolean;
  readonly unitFileState: string;
  /** The unit file, and its drop-ins in the order in which they count. */
  readonly files: readonly string[];
  /** Units that start this one when something happens: sockets, timers, paths. */
  readonly triggers: readonly string[];
  /** Units that systemd stops together with this one, and does not start again with it. */
  readonly dependents: readonly string[];
  /** Ends when its work is done: that it is not active afterwards is no failure. */
  readonly isJob: boolean;
}

/** Looking something up takes milliseconds; a manager that is busy may take its time. */
const QUERY_TIMEOUT_MS = 60_000;

const PROPERTIES =
  'Id,LoadState,ActiveState,Job,UnitFileState,FragmentPath,DropInPaths,TriggeredBy,RequiredBy,RequisiteOf,BoundBy,' +
  'ConsistsOf,PropagatesStopTo,Type,RemainAfterExit';

/** What systemd says of these units, in the same order. */
export async function showUnits(names: readonly string[], { exec, signal }: Context): Promise<readonly Unit[]> {
  if (names.length === 0) return [];
  const args = ['show', '--no-pager', `--property=${PROPERTIES}`, '--', ...names];
  const { stdout } = await exec('systemctl', args, { cwd: '/', timeoutMs: QUERY_TIMEOUT_MS, signal });
  const blocks = stdout.trim().split(/\n\n+/);
  return names.map((name, index) => parseUnit(name, blocks[index] ?? ''));
}

/** One block of what `systemctl show` prints: lines of `Key=value`. */
export function parseUnit(name: string, block: string): Unit {
  const values = new Map(
    block.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const text = (key: string) => values.get(key) ?? '';
  const list = (...keys: string[]) => keys.flatMap((key) => text(key).split(' ')).filter((word) => word !== '');
  return {
    name,
    id: text('Id') === '' ? name : text('Id'),
    loadState: text('LoadState'),
    isGoingDown:
      text('ActiveState') === 'deactivating' ||
      (['inactive', 'failed'].includes(text('ActiveState')) && Number(text('Job')) > 0),
    isActive: ['active', 'activating', 'reloading', 'refreshing'].includes(text('ActiveState')),
    unitFileState: text('UnitFileState'),
    files: list('FragmentPath', 'DropInPaths'),
    triggers: list('TriggeredBy'),
    dependents: list('RequiredBy', 'RequisiteOf', 'BoundBy', 'ConsistsOf', 'PropagatesStopTo'),
    isJob: text('Type') === 'oneshot' && text('RemainAfterExit') !== 'yes',
  };
}

/** Everything that stops when `units` are stopped, beside them, and is active now. */
export interface Around {
  /** They would start the units again: stopped first. */
  readonly triggers: readonly Unit[];
  /** They stop with the units, because they need them. */
  readonly dependents: readonly Unit[];
}

/** So many units are looked at, at most: dependencies can go round in circles. */
const MOST_UNITS = 500;

/** Finds what starts the units and what stops with them, and what stops with that. */
export async function lookAround(units: readonly Unit[], context: Context): Promise<Around> {
  const known = new Set(units.flatMap(({ name, id }) => [name, id]));
  const triggers: Unit[] = [];
  const dependents: Unit[] = [];
  for (let next = units; next.length > 0 && known.size < MOST_UNITS; ) {
    const fresh = (names: readonly string[]) => [...new Set(names)].filter((name) => !known.has(name));
    const starting = await showUnits(fresh(next.flatMap((unit) => unit.triggers)), context);
    for (const { name } of starting) known.add(name);
    const needing = await showUnits(fresh(next.flatMap((unit) => unit.dependents)), context);
    for (const { name } of needing) known.add(name);
    triggers.push(...starting.filter(({ isActive }) => isActive));
    dependents.push(...needing.filter(({ isActive }) => isActive));
    next = needing.filter(({ isActive }) => isActive);
  }
  return { triggers, dependents };
}

/** The unit that this program runs in. */
export async function ownUnit(): Promise<string | undefined> {
  return unitOfCgroup(await readFile('/proc/self/cgroup', 'utf8').catch(() => ''));
}
