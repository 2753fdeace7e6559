// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { sleep } from '@local-backup/common/sleep';
import { type Compose, type Context, createCompose } from './compose.ts';
import { type Container, inspectContainers, listContainers } from './containers.ts';
import { inStartOrder, isClosed } from './order.ts';
import { limitArgs } from './stop.ts';
import { ranBefore, type Stopped, servicesOf, startsOf } from './stopped.ts';
import { withoutOthers } from './unwanted.ts';

/** What is still missing of what ran before. */
interface Missing {
  /** Containers that are there, as they are now. */
  readonly left: readonly Container[];
  /** Containers that are not there any more, as they were: only `up` brings their services back. */
  readonly gone: readonly Container[];
}

/**
 * Starts exactly the containers that ran, in the order of their dependencies. What does not come is tried a second time,
 * by the engine alone.
 * @throws BackupError `failed` with the command to type
 */
export async function startProject(stopped: Stopped, context: Context): Promise<void> {
  const compose = createCompose(context);
  const problems = new Set<string>();
  const tell = (error: unknown) => {
    if (!(error instanceof BackupError)) throw error;
    problems.add(error.message);
    context.log.error(`Starting again what was stopped has failed: ${error.message}`);
  };
  // Where docker does not answer, nothing is known to run.
  const missingNow = () =>
    findMissing(stopped, compose, context).catch((error: unknown): Missing => {
      tell(error);
      const state = stopped.mode === 'pause' ? 'paused' : 'stopped';
      return { left: ranBefore(stopped).map((container) => ({ ...container, state })), gone: [] };
    });
  if (!stopped.isQuiet && stopped.mode !== 'pause')
    await endStop(startsOf(ranBefore(stopped)), compose, context).catch(tell);
  const startMissing = async () => {
    for (const attempt of [1, 2]) {
      const missing = await missingNow();
      if (isNothing(missing)) break;
      for (const { isEngine, args } of callsFor(missing, stopped, attempt)) {
        await (isEngine ? compose.engine(args) : compose.compose(args)).catch(tell);
      }
    }
  };
  await withoutOthers({ compose, context }, (service) => countOf(ranBefore(stopped), service), startMissing);
  if (context.options.wait_after_restart > 0) await sleep(context.options.wait_after_restart * 1000);
  const missing = await missingNow();
  if (!isNothing(missing)) throw new BackupError('failed', loud(missing, { stopped, compose, problems }));
}

/**
 * Where the stop was cut short (a time limit, an interrupt, kill -9), the engine may still be at it: a container that runs
 * now goes down in a moment, when nobody looks any more. Stopping it once more waits for that. What was started since, by
 * a reboot for example, is left alone.
 * @param starts when each container was started that was to be stopped, by its id
 */
export async function endStop(
  starts: Readonly<Record<string, string>>,
  compose: Compose,
  { options }: Context,
): Promise<void> {
  const running = (await inspectContainers(compose, Object.keys(starts)))
    .filter(({ id, state, startedAt }) => state === 'running' && starts[id] === startedAt)
    .map(({ id }) => id);
  if (running.length > 0) await compose.engine(['stop', ...limitArgs(options.stop_timeout), ...running]);
}

/**
 * Containers that ran and do not now, and did not end by themselves after they had been started: a job that is done
 * has another start behind it and exit code 0.
 */
async function findMissing(stopped: Stopped, compose: Compose, { log }: Context): Promise<Missing> {
  const before = new Map(ranBefore(stopped).map((container) => [container.id, container]));
  const there = await inspectContainers(compose, stopped.stopped);
  const left = there.filter((now) => {
    const isDone = now.state === 'stopped' && now.exitCode === 0 && now.startedAt !== before.get(now.id)?.startedAt;
    if (isDone) log.warn(`Container ${now.name} was started again and has ended by itself, without error.`);
    return now.state !== 'running' && !isDone;
  });
  for (const { id } of there) before.delete(id);
  const gone = before.size === 0 ? [] : await withoutReplaced([...before.values()], stopped, compose);
  return { left, gone };
}

/** Of containers that are gone, those whose service has no new one that runs. */
async function withoutReplaced(gone: readonly Container[], stopped: Stopped, compose: Compose) {
  const now = (await listContainers(compose)).filter(({ state }) => state === 'running');
  return gone.filter(({ service }) => countOf(now, service) < countOf(ranBefore(stopped), service));
}

function countOf(containers: readonly Container[], service: string): number {
  return containers.filter((container) => container.service === service).length;
}

function isNothing({ left, gone }: Missing): boolean {
  return left.length === 0 && gone.length === 0;
}

/** One command of compose or of the engine. */
interface Call {
  readonly isEngine: boolean;
  readonly args: readonly string[];
}

function callsFor({ left, gone }: Missing, stopped: Stopped, attempt: number): Call[] {
  if (stopped.mode === 'down') return upCalls([...left, ...gone], stopped);
  const up = gone.length === 0 ? [] : upCalls(gone, stopped);
  const verbs = [...new Set(left.map(verbOf))];
  const [verb = 'start'] = verbs;
  if (left.length === 0) return up;
  if (attempt === 1 && verbs.length === 1 && gone.length === 0 && isPlain(stopped, verb)) {
    return [{ isEngine: false, args: [verb, ...inStartOrder(servicesOf(left), stopped.dependencies)] }];
  }
  return [...engineCalls(left, stopped), ...up];
}

/** By its state now: also what was paused needs a start after a reboot. */
function verbOf({ state }: Container): string {
  return state === 'paused' ? 'unpause' : 'start';
}

/**
 * Whether starting the services by name starts what ran and nothing else. `compose start web` also starts what `web`
 * depends on (docker/compose#10061), and all containers of a service: what was stopped beforehand must stay so.
 */
function isPlain(stopped: Stopped, verb: string): boolean {
  const services = servicesOf(ranBefore(stopped));
  const isWhole = stopped.containers.every(
    ({ id, service }) => !services.includes(service) || stopped.stopped.includes(id),
  );
  return isWhole && (verb === 'unpause' || isClosed(services, stopped.dependencies));
}

function engineCalls(containers: readonly Container[], { dependencies }: Stopped): Call[] {
  return inStartOrder(servicesOf(containers), dependencies).flatMap((name) => {
    const own = containers.filter(({ service }) => service === name);
    return own.map((container) => ({ isEngine: true, args: [verbOf(container), container.id] }));
  });
}

/**
 * `up -d` for services without containers. Where they depend on one that did not run, each for itself with `--no-deps`:
 * with several, compose does not keep the order then (docker/compose#10959), so we do.
 */
function upCalls(containers: readonly Container[], stopped: Stopped): Call[] {
  const services = inStartOrder(servicesOf(containers), stopped.dependencies);
  const up = ['up', '-d', '--no-build', '--no-recreate'];
  const ran = ranBefore(stopped);
  const scaleOf = (name: string) => {
    const count = countOf(ran, name);
    return count === 1 && countOf(stopped.containers, name) === 1 ? [] : ['--scale', `${name}=${count}`];
  };
  if (isClosed(servicesOf(ran), stopped.dependencies))
    return [{ isEngine: false, args: [...up, ...services.flatMap(scaleOf), ...services] }];
  return services.map((name) => ({ isEngine: false, args: [...up, '--no-deps', ...scaleOf(name), name] }));
}

interface Tried {
  readonly stopped: Stopped;
  readonly compose: Compose;
  readonly problems: ReadonlySet<string>;
}

function loud(missing: Missing, { stopped, compose, problems }: Tried): string {
  const names = [...missing.left, ...missing.gone].map(({ name }) => name).join(', ');
  const lines = callsFor(missing, stopped, 2).map(({ isEngine, args }) =>
    isEngine ? compose.engineLine(args) : compose.composeLine(args),
  );
  const why = problems.size === 0 ? 'it was started and does not run; its log tells more.' : [...problems].join('\n');
  return `NOT RUNNING: ${names}. Stopped for the backup, and could not be started again: ${why}\nType:\n  ${lines.join('\n  ')}`;
}
