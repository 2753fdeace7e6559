// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from '../plugin.ts';

/** A program of the admin's in `restore.d/`. */
export interface UserStep {
  readonly number: number;
  /** Name of the file: `20label`. */
  readonly name: string;
  readonly file: string;
}

/**
 * What the program does itself, for all tasks, one after the other. `load` is `restore` for what is in a container: it has
 * to run for that, and other tasks of the service stop and start it. `verify` looks at what runs again.
 */
export type BuiltIn = 'stop' | 'restore' | 'start' | 'load' | 'verify';

export type Stage =
  | { readonly kind: BuiltIn; readonly number: number }
  | { readonly kind: 'user'; readonly number: number; readonly step: UserStep };

/**
 * Numbers of the program's own steps. The data comes back at 10, as `10restore` did in the original: what was numbered
 * for that (`05validate`, `20label`, `80advertise`) finds the service as it expects it: `80advertise` one that was proven.
 */
const STAGE_NUMBERS: Readonly<Record<BuiltIn, number>> = { stop: 5, restore: 10, start: 80, load: 80, verify: 80 };

/** Letters, digits and `._-` behind the digits: what editors and package managers leave (`20label~`) has something else. */
const STEP_NAME = /^(\d{1,4})(?:[A-Za-z_-][A-Za-z0-9._-]*)?$/;

/** Endings that editors and dpkg give to files that are not meant. */
const LEFTOVER = /\.(?:bak|orig|rej|swp|dpkg-\w+|ucf-\w+)$/;

/** The number that a step's name begins with; undefined for what is no step. */
export function stepNumberOf(name: string): number | undefined {
  const [, digits] = LEFTOVER.test(name) ? [] : (STEP_NAME.exec(name) ?? []);
  return digits === undefined ? undefined : Number(digits);
}

/**
 * All steps in the order in which they are done: by number, the program's own first, then by name.
 * @param hasLate whether anything is to be loaded when the service has been started
 */
export function orderStages(steps: readonly UserStep[], hasLate = false): readonly Stage[] {
  const own = (Object.keys(STAGE_NUMBERS) as BuiltIn[])
    .filter((kind) => kind !== 'load' || hasLate)
    .map((kind): Stage => ({ kind, number: STAGE_NUMBERS[kind] }));
  const users = [...steps]
    .sort((a, b) => a.number - b.number || (a.name < b.name ? -1 : 1))
    .map((step): Stage => ({ kind: 'user', number: step.number, step }));
  // The sort is stable, and the program's own come first.
  return [...own, ...users].sort((a, b) => a.number - b.number);
}

/** `05`, `10`, `80`: as in names of steps. */
export function formatNumber(number: number): string {
  return String(number).padStart(2, '0');
}

/** True for a task whose data is in a container: by the option `container`, of plugins that have one. */
export function isLate({ takesContainer }: Pick<Plugin, 'takesContainer'>, options: unknown): boolean {
  if (takesContainer !== true || typeof options !== 'object' || options === null) return false;
  return 'container' in options && options.container !== undefined;
}
