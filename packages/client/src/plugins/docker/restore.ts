// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { TaskRestore } from '../../plugin-copy.ts';
import { servicesInTrouble, verifyRunning } from './after-restore.ts';
import { readModel } from './compose.ts';
import { type Container, inspectContainers, listByLabel, PROJECT_LABEL } from './containers.ts';
import type { DockerOptions } from './options.ts';
import { inStartOrder, isClosed } from './order.ts';
import { bindPieces, filePieces, planRestore, volumeSource } from './restore-plan.ts';
import { findTarget, type Restore, type Target } from './restore-target.ts';
import { endStop } from './start.ts';
import { limitArgs } from './stop.ts';
import { servicesOf, startsOf } from './stopped.ts';
import { putBack, putInPlace, requireNoObstacle, type Swap, swapSchema } from './swap.ts';
import { locateVolume } from './volumes.ts';

const memoSchema = z.object({
  /** Ids of the containers that ran. */
  stopped: z.array(z.string()),
  /** When each of them was started last, by its id. */
  starts: z.record(z.string(), z.string()).default({}),
  /** Services that are to run afterwards. */
  services: z.array(z.string()),
  /** Services that were in trouble before. */
  troubled: z.array(z.string()).default([]),
  swaps: z.array(swapSchema),
});

type RestoreMemo = z.infer<typeof memoSchema>;

/** Puts a project back: its volumes and bind mounts, its files; then what ran before, or when it was saved, is started. */
export const restore: TaskRestore<DockerOptions> = {
  plan: planRestore,

  async stop(context) {
    const { project, compose } = await findTarget(context);
    const containers = await listByLabel(compose, project.project);
    const running = containers.filter(({ state }) => state !== 'stopped');
    const services = containers.length > 0 ? servicesOf(running) : project.running;
    const troubled = await servicesInTrouble(compose, project.project);
    const stopped = running.map(({ id }) => id);
    await context.remember({ stopped, starts: startsOf(running), services, troubled, swaps: [] });
    // By the engine: the compose file may be gone. Those that are started last, stop first.
    const order = await startOrder(running, compose, context);
    const limit = limitArgs(context.options.stop_timeout);
    for (const id of [...order].reverse()) await compose.engine(['stop', ...limit, id]);
  },

  async apply(context) {
    const target = await findTarget(context);
    const warnings: string[] = [];
    const put = async (source: string, path: string) => {
      await requireNoObstacle(path);
      const { exec, signal, options } = context;
      const remember = (swap: Swap) => {
        const memo = memoOf(context);
        return context.remember({ ...memo, swaps: [...memo.swaps, swap] });
      };
      const aside = await putInPlace(source, path, { exec, signal, timeoutMs: options.timeout, remember });
      if (aside !== undefined)
        warnings.push(`${aside} is what was there before: remove it when it is not needed any more.`);
    };
    for (const { name, key } of target.project.volumes) {
      const path = await volumePath(target, name, key);
      await put(await volumeSource(context, target.savedVolumes.get(name) ?? name), path);
    }
    for (const { source, target: path } of await bindPieces(context, target)) await put(source, path);
    for (const { source, target: path } of await filePieces(context, target)) await put(source, path);
    return warnings;
  },

  async revert(context) {
    for (let memo = memoOf(context); memo.swaps.length > 0; memo = memoOf(context)) {
      const swap = memo.swaps.at(-1);
      if (swap !== undefined) await putBack(swap);
      await context.remember({ ...memo, swaps: memo.swaps.slice(0, -1) });
    }
  },

  async start(context) {
    if (context.remembered() === undefined) return;
    const target = await findTarget(context);
    const { services, stopped, starts } = memoOf(context);
    if (services.length === 0 || target.conflicts.length > 0) return;
    try {
      await endStop(starts, target.compose, context);
      await up(target, services, context);
    } catch (error) {
      if (!(error instanceof BackupError)) throw error;
      // Whatever the files say, what ran before can run again.
      context.log.error(`Starting the project has failed: ${error.message}`);
      for (const { id } of await inspectContainers(target.compose, stopped))
        await target.compose.engine(['start', id]).catch(() => 0);
      await requireRunning(target, services, describeError(error));
    }
    await requireRunning(target, services, 'compose says that it was started; its log tells more.');
  },

  verify: async (context) => verifyRunning(await findTarget(context), memoOf(context), context),
};

function memoOf(context: Restore): RestoreMemo {
  const memo = context.remembered();
  return memo === undefined
    ? { stopped: [], starts: {}, services: [], troubled: [], swaps: [] }
    : memoSchema.parse(memo);
}

async function startOrder(running: readonly Container[], compose: Target['compose'], context: Restore) {
  const dependencies = await readModel(compose, context).then(
    (model) => model.dependencies,
    () => ({}),
  );
  const ordered = inStartOrder(servicesOf(running), dependencies);
  return ordered.flatMap((name) => running.filter(({ service }) => service === name).map(({ id }) => id));
}

/** Where a volume's files are; it is created, as compose would, where there is none. */
async function volumePath({ compose, project }: Target, name: string, key: string | undefined): Promise<string> {
  const there = await locateVolume(compose, name);
  if (typeof there === 'string') return there;
  const labels = [
    `${PROJECT_LABEL}=${project.project}`,
    ...(key === undefined ? [] : [`com.docker.compose.volume=${key}`]),
  ];
  await compose.engine(['volume', 'create', ...labels.flatMap((label) => ['--label', label]), name]);
  const created = await locateVolume(compose, name);
  if (typeof created === 'string') return created;
  throw new BackupError('failed', created.warning);
}

/** `up -d`, not `start`: what the files say now is what shall run. */
async function up({ compose }: Target, services: readonly string[], context: Restore): Promise<void> {
  const model = await readModel(compose, context);
  const known = inStartOrder(
    services.filter((name) => model.services.includes(name)),
    model.dependencies,
  );
  if (known.length === 0) return;
  if (isClosed(known, model.dependencies)) await compose.compose(['up', '-d', ...known]);
  else for (const name of known) await compose.compose(['up', '-d', '--no-deps', name]);
}

async function requireRunning({ compose, project }: Target, services: readonly string[], why: string): Promise<void> {
  const running = servicesOf((await listByLabel(compose, project.project)).filter(({ state }) => state === 'running'));
  const missing = services.filter((name) => !running.includes(name));
  if (missing.length === 0) return;
  const line = compose.composeLine(['up', '-d', ...missing]);
  throw new BackupError(
    'failed',
    `NOT RUNNING: ${missing.join(', ')} of project ${project.project}. ${why}\nType:\n  ${line}`,
  );
}
