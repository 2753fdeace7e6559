// SPDX-License-Identifier: AGPL-3.0-or-later
import { open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { type BytePath, showControls } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { Check, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { listBytes } from '../../plugin-tools/put-back/compare.ts';
import { findModule, type Module, openModule, readOptional, volumePath } from './module.ts';
import { ENVIRONMENT, STATE, VOLUMES } from './names.ts';
import type { StateDumpOptions } from './options.ts';
import { podman, type RestoringContext } from './place.ts';
import { keepPaths, putPlace, removeAsOwner, unpackAsOwner } from './put-place.ts';
import { findSteps, parseEnvironment, runSteps } from './steps.ts';
import { runningContainers, type Target, targetSteps, targetsOf } from './targets.ts';

type Context = RestoringContext;

const memoSchema = z.object({
  /** What is going to be put back, in this order; a new volume is removed as a whole. */
  places: z
    .array(z.object({ name: z.string(), keptAs: z.string(), volume: z.string().optional(), isNew: z.boolean() }))
    .default([]),
});

/**
 * Puts state and volumes back into an instance of the module that is there, as its owner, and runs the module's own steps
 * around that (E25). The instance itself is made by the system, not here.
 */
export const restore: TaskRestore<StateDumpOptions> = {
  async plan(context) {
    const module = await openInstance(context);
    const targets = await targetsOf(module, context);
    const { before, after, notes } = await findSteps(module, context);
    const run = ({ file }: { readonly file: string }) => step('load', `by ${showControls(file)}`);
    const running = (await runningContainers(module, targets, context)).map((one) => step('note', one));
    return [
      ...(await differentInstance(module, context)).map((one) => step('note', one)),
      ...running,
      ...before.map(run),
      ...targets.flatMap((target) => targetSteps(target, context.kept)),
      ...after.map(run),
      ...(before.length + after.length === 0
        ? []
        : [step('note', 'what these steps of the module do is not undone when the restore fails after them')]),
      ...notes.map((one) => step('note', one)),
      step(
        'note',
        `${STATE}/state/${ENVIRONMENT} stays as it is here; start the units of ${module.id} when all is back`,
      ),
    ];
  },

  async apply(context) {
    const module = await openInstance(context);
    const targets = await targetsOf(module, context);
    const running = await runningContainers(module, targets, context);
    if (running.length > 0) throw new BackupError('failed', running.join('\n'));
    const steps = await findSteps(module, context);
    const environment = parseEnvironment(await savedEnvironment(context));
    await runSteps(module, steps.before, environment, context);
    const places: z.infer<typeof memoSchema>['places'] = [];
    const warnings: string[] = [];
    for (const target of targets) {
      context.signal.throwIfAborted();
      await keep(module, target, context);
      const { name, keptAs, volume, directory } = target;
      places.push({ name, keptAs, ...(volume === undefined ? {} : { volume }), isNew: directory === undefined });
      await context.remember({ places });
      warnings.push(...(await put(module, target, context)));
    }
    await runSteps(module, steps.after, environment, context);
    return warnings;
  },

  async verify(context) {
    const module = await openInstance(context);
    // The module's steps may have loaded and removed what was put back.
    return (await targetsOf(module, context)).map(({ name, directory, entries, there }): Check => {
      if (directory === undefined) return { name, status: 'failed', message: 'there is no such volume' };
      return { name, status: 'ok', message: `${there.length} of ${entries.length} files and directories are there` };
    });
  },

  async revert(context) {
    const { places } = memoSchema.parse(context.remembered() ?? {});
    if (places.length === 0) return;
    const module = await findModule(context);
    if (module === undefined) {
      throw new BackupError('failed', `${context.options.module_dir} is gone: what was kept is in ${context.kept}.`);
    }
    const failures: string[] = [];
    for (const place of [...places].reverse()) {
      const fail = (error: unknown) => failures.push(`${place.name}: ${describeError(error)}`);
      await putBack(module, place, context).catch(fail);
    }
    // What was kept stays for another try.
    if (failures.length > 0) throw new BackupError('failed', failures.join('\n'));
    await context.remember({ places: [] });
    for (const { keptAs } of places) {
      for (const ending of ['tar', 'created']) await rm(join(context.kept, `${keptAs}.${ending}`), { force: true });
    }
  },
};

function step(action: RestoreStep['action'], what: string): RestoreStep {
  return { action, what };
}

/** @throws BackupError `config` where the instance has to be made first */
async function openInstance(context: Context): Promise<Module> {
  if (context.as !== undefined) {
    throw new BackupError('config', 'For another instance, name that by `module_dir`, or use --to DIR.');
  }
  const { IMAGE_URL: image } = parseEnvironment(await savedEnvironment(context));
  try {
    return await openModule(context);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const what = image === undefined ? '' : ` of ${showControls(image.slice(0, 200))}`;
    const hint = `Create an instance${what} first (add-module), name it by \`module_dir\`, then restore into that.`;
    throw new BackupError('config', `${error.message}\n${hint}`, { cause: error });
  }
}

/** It is some lines. */
const LARGEST_ENVIRONMENT = 512 * 1024;

async function savedEnvironment({ copy }: Context): Promise<string> {
  const handle = await open(await fileInCopy(copy, `${STATE}/state/${ENVIRONMENT}`));
  try {
    const { size } = await handle.stat();
    if (size <= LARGEST_ENVIRONMENT) return await handle.readFile('utf8');
  } finally {
    await handle.close();
  }
  throw new BackupError('untrusted', `${STATE}/state/${ENVIRONMENT} in the copy is too large.`);
}

async function differentInstance(module: Module, context: Context): Promise<readonly string[]> {
  const saved = parseEnvironment(await savedEnvironment(context)).IMAGE_URL;
  const now = parseEnvironment(await readOptional(module, `state/${ENVIRONMENT}`, context)).IMAGE_URL;
  const id = context.facts.module;
  const show = (text: string | undefined) => showControls((text ?? 'nothing').slice(0, 200));
  return [
    ...(id === undefined || id === module.id ? [] : [`${show(id)} was saved; it is put back into ${module.id}`]),
    ...(saved === now ? [] : [`it was saved with the image ${show(saved)}, this instance has ${show(now)}`]),
  ];
}

/** What is replaced, and a list of what is not there yet. */
async function keep(module: Module, { directory, entries, there, keptAs }: Target, context: Context): Promise<void> {
  if (directory === undefined) return;
  const file = join(context.kept, keptAs);
  await keepPaths(module, { directory, paths: there.map(({ path }) => path), file: `${file}.tar` }, context);
  const known = new Set(there.map(({ path }) => path));
  const created = entries.map(({ path }) => path).filter((path) => !known.has(path));
  await writeFileAtomic(`${file}.created`, listBytes(created), { mode: 0o600 });
}

async function put(module: Module, target: Target, context: Context): Promise<readonly string[]> {
  const { name, entries, volume } = target;
  if (volume !== undefined && target.directory === undefined)
    await podman(['volume', 'create', '--', volume], module, context);
  const directory = target.directory ?? (await volumePath(module, volumeOf(name), context));
  const foreign = await putPlace(module, { place: target, directory, entries }, context);
  if (foreign === 0) return [];
  return [
    `${foreign} entries of ${name} belonged to users that ${module.id} does not have: they are ${module.owner.name}'s.`,
  ];
}

/** Its name in include files. */
function volumeOf(place: string): string {
  return place.slice(VOLUMES.length + 1);
}

type Kept = z.infer<typeof memoSchema>['places'][number];

async function putBack(module: Module, { name, keptAs, volume, isNew }: Kept, context: Context): Promise<void> {
  if (isNew && volume !== undefined) {
    const isThere = (await podman(['volume', 'exists', '--', volume], module, context, [0, 1])).exitCode === 0;
    if (isThere) await podman(['volume', 'rm', '--', volume], module, context);
    return;
  }
  const directory =
    volume === undefined ? join(module.directory, 'state') : await volumePath(module, volumeOf(name), context);
  const list = (await readFile(join(context.kept, `${keptAs}.created`), 'latin1'))
    .split('\0')
    .filter((path) => path !== '');
  await removeAsOwner(module, directory, list as BytePath[], context);
  const archive = await open(join(context.kept, `${keptAs}.tar`), 'r');
  try {
    await unpackAsOwner(module, directory, archive.fd, context);
  } finally {
    await archive.close();
  }
}
