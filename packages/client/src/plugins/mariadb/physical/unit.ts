// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { PluginContext } from '../../../plugin.ts';
import type { DatabaseOptions } from '../options.ts';

type Context = Pick<PluginContext<DatabaseOptions>, 'exec' | 'signal' | 'options'>;

/** What systemd says of the unit of a server. */
export interface ServerUnit {
  readonly name: string;
  /** False where there is no such unit, or no systemd: then somebody else has started the server. */
  readonly isKnown: boolean;
  readonly isActive: boolean;
  /** Active units that would start it again: its socket. */
  readonly triggers: readonly string[];
  /** Units that systemd stops together with it, and does not start again with it. */
  readonly dependents: readonly string[];
}

const DEFAULT_UNIT = 'mariadb.service';

const QUERY_TIMEOUT_MS = 60_000;
const PROPERTIES = 'LoadState,ActiveState,TriggeredBy,RequiredBy,RequisiteOf,BoundBy,ConsistsOf,PropagatesStopTo';
const ACTIVE = new Set(['active', 'activating', 'reloading', 'deactivating']);

/** Dependencies can go round in circles. */
const MOST_DEPENDENTS = 100;

/** The unit that a task names. */
export function unitName({ options }: Pick<Context, 'options'>): string {
  return options.unit ?? DEFAULT_UNIT;
}

/** Looks at the unit of the server, and at what would stop with it. */
export async function serverUnit(context: Context): Promise<ServerUnit> {
  const name = unitName(context);
  const nothing = { name, isKnown: false, isActive: false, triggers: [], dependents: [] };
  if ((await findProgram('systemctl')) === undefined) return nothing;
  const { values, needing } = await show(name, context);
  const isActive = ACTIVE.has(values.get('ActiveState') ?? '');
  const dependents = isActive ? await activeDependents(needing, name, context) : [];
  const triggers: string[] = [];
  for (const trigger of wordsIn(values.get('TriggeredBy'))) {
    const { values: its } = await show(trigger, context);
    if (ACTIVE.has(its.get('ActiveState') ?? '')) triggers.push(trigger);
  }
  return { name, isKnown: values.get('LoadState') === 'loaded', isActive, triggers, dependents };
}

/** What runs of it, in the order in which it is started: a socket refuses to be while its service runs. */
export function runningUnits({ name, isActive, triggers, dependents }: ServerUnit): readonly string[] {
  return [...triggers, ...(isActive ? [name, ...dependents] : [])];
}

/** Stops it, and first what would start it again. @throws BackupError `failed` */
export async function stopUnit({ name, isActive, triggers }: ServerUnit, context: Context): Promise<void> {
  for (const one of [...triggers, ...(isActive ? [name] : [])]) await systemctl(['stop', '--', one], context);
}

/** A unit that has failed too often is started all the same. */
export async function startUnits(names: readonly string[], context: Context): Promise<void> {
  for (const name of names) {
    await systemctl(['reset-failed', '--', name], context).catch(() => undefined);
    await systemctl(['start', '--', name], context);
  }
}

/** Those that need a unit, those that need these, and so on: as far as they are active. */
async function activeDependents(direct: readonly string[], own: string, context: Context): Promise<readonly string[]> {
  const [active, seen]: [string[], Set<string>] = [[], new Set([own])];
  const waiting = [...direct];
  for (let name = waiting.shift(); name !== undefined && seen.size < MOST_DEPENDENTS; name = waiting.shift()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const { values, needing } = await show(name, context);
    if (!ACTIVE.has(values.get('ActiveState') ?? '')) continue;
    active.push(name);
    waiting.push(...needing);
  }
  return active;
}

async function show(name: string, { exec, signal }: Context) {
  const args = ['show', '--no-pager', `--property=${PROPERTIES}`, '--', name];
  const { stdout } = await exec('systemctl', args, { cwd: '/', timeoutMs: QUERY_TIMEOUT_MS, signal });
  const values = new Map(
    stdout.split('\n').map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const needing = ['RequiredBy', 'RequisiteOf', 'BoundBy', 'ConsistsOf', 'PropagatesStopTo'].flatMap((key) =>
    wordsIn(values.get(key)),
  );
  return { values, needing };
}

function wordsIn(text = ''): string[] {
  return text.split(' ').filter((word) => word !== '');
}

async function systemctl(args: readonly string[], { exec, signal, options }: Context): Promise<void> {
  try {
    await exec('systemctl', args, { cwd: '/', timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal });
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    const advice = `Look at: journalctl -u ${args.at(-1)}`;
    throw new BackupError(error.code, `${error.message}\n${advice}`, { cause: error });
  }
}
