// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { displayPath, showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { RestoreStep } from '../../plugin-copy.ts';
import type { Module } from './module.ts';
import {
  type Entry,
  entriesInCopy,
  entriesOnHost,
  type Place,
  placesOf,
  podman,
  type RestoringContext,
} from './place.ts';

type Context = RestoringContext;

/** A place and what the copy has for it. */
export interface Target extends Place {
  readonly entries: readonly Entry[];
  /** Of these, what is there now. */
  readonly there: readonly Entry[];
}

/** Of problems of one kind, so many are told. */
const MOST_PROBLEMS = 20;

/** @throws BackupError with everything that is in the way */
export async function targetsOf(module: Module, context: Context): Promise<readonly Target[]> {
  const targets: Target[] = [];
  const problems: string[] = [];
  for (const place of await placesOf(module, context)) {
    const entries = await entriesInCopy(place, context.copy);
    const types = place.directory === undefined ? new Map() : await entriesOnHost(module, place.directory, context);
    const there = entries.filter(({ path }) => types.has(path));
    for (const { path, type } of there) {
      if ((types.get(path) === 'd') === (type === 'd')) continue;
      problems.push(`${displayPath(path)} of ${place.name} is a directory on one side only: move away what is here.`);
    }
    targets.push({ ...place, entries, there });
  }
  if (problems.length > 0) throw new BackupError('failed', problems.slice(0, MOST_PROBLEMS).join('\n'));
  return targets;
}

/** What runs would go on writing, and would not see what is put back. */
export async function runningContainers(
  module: Module,
  targets: readonly Place[],
  context: Context,
): Promise<string[]> {
  const volumes = targets.flatMap(({ volume }) => volume ?? []);
  if (!module.isRootless && volumes.length === 0) return [];
  const filters = module.isRootless ? [] : volumes.flatMap((volume) => ['--filter', `volume=${volume}`]);
  const { stdout } = await podman(['ps', '--format', '{{.Names}}', ...filters], module, context);
  const names = stdout.split('\n').map((name) => name.trim());
  const running = names.filter((name) => name !== '');
  if (running.length === 0) return [];
  const hint = 'stop the units of the module before, by hand or by a step 05 to 09 of restore.d';
  return [`of ${module.id} there run ${showControls(running.join(', ').slice(0, 500))}: ${hint}`];
}

/** The lines of the plan about one place. */
export function targetSteps(
  { name, directory, volume, entries, there, keptAs }: Target,
  kept: string,
): readonly RestoreStep[] {
  if (entries.length === 0) return [step('note', `${name}: nothing was saved but the environment`)];
  const what = `${volume === undefined ? directory : `volume ${volume}`} (${entries.length} files and directories), from ${name}`;
  if (directory === undefined) return [step('create', what)];
  const old = `${there.length} files and directories, in ${join(kept, `${keptAs}.tar`)}`;
  return [...(there.length === 0 ? [] : [step('keep', old)]), step('replace', what)];
}

function step(action: RestoreStep['action'], what: string): RestoreStep {
  return { action, what };
}
