// SPDX-License-Identifier: AGPL-3.0-or-later
import { sleep } from '@local-backup/common/sleep';
import * as z from 'zod';
import type { Check } from '../../plugin-copy.ts';
import type { Compose } from './compose.ts';
import { inspectThere, listByLabel, parseInspected } from './containers.ts';
import type { Restore, Target } from './restore-target.ts';

/** What tells how a container fares; `docker inspect` and `podman inspect` agree on these. Durations in nanoseconds. */
const inspected = z.array(
  z.looseObject({
    RestartCount: z.number().default(0),
    State: z.looseObject({
      Status: z.string().default(''),
      StartedAt: z.string().default(''),
      ExitCode: z.number().default(0),
      Health: z.looseObject({ Status: z.string().default('') }).nullish(),
    }),
    Config: z.looseObject({
      Healthcheck: z
        .looseObject({
          Interval: z.number().optional(),
          Timeout: z.number().optional(),
          StartPeriod: z.number().optional(),
          Retries: z.number().optional(),
        })
        .nullish(),
    }),
  }),
);

interface Seen {
  readonly name: string;
  readonly service: string;
  readonly found: z.infer<typeof inspected>[number];
}

/** The verdict on a container; undefined: it needs another moment. */
type Verdict = Omit<Check, 'name'>;

const POLL_MS = 500;

/** What a container without a longer health check gets to come up. */
const SHORTEST_WAIT_MS = 60_000;

/** From then on Docker calls a container started successfully (docs.docker.com, "Restart policy details"). */
const STABLE_MS = 10_000;

/** Defaults of a health check (docs.docker.com/reference/dockerfile, HEALTHCHECK), in nanoseconds. */
const HEALTH = { interval: 30e9, timeout: 30e9, retries: 3 };

const NS_PER_MS = 1e6;

/** The services of a project that have a container which is unhealthy, or about to be restarted, now. */
export async function servicesInTrouble(compose: Compose, project: string): Promise<string[]> {
  const found = await containersOf(compose, project);
  return found
    .filter(({ found: { State } }) => State.Health?.Status === 'unhealthy' || State.Status === 'restarting')
    .map(({ service }) => service);
}

/**
 * Whether every container that is to run does so: healthy where it has a health check, else without a restart for ten
 * seconds. Waited for as long as a container may take by its own health check, at least a minute.
 * @param services that are to run
 * @param troubled services that were in trouble before the restore: that they are again does not speak against the copy
 */
export async function verifyRunning(
  { compose, project, conflicts }: Target,
  { services, troubled }: { readonly services: readonly string[]; readonly troubled: readonly string[] },
  { signal }: Restore,
): Promise<readonly Check[]> {
  const name = `project ${project.project}`;
  if (conflicts.length > 0)
    return [{ name, status: 'skipped', message: `it was not started: ${conflicts.join('; ')}` }];
  if (services.length === 0)
    return [{ name, status: 'skipped', message: 'nothing of it ran before, and nothing runs' }];
  for (let waited = 0; ; waited += POLL_MS) {
    const containers = await containersOf(compose, project.project);
    const checks = services.map((service) => {
      const own = containers.filter((one) => one.service === service);
      return checkService(service, own, waited);
    });
    const known = checks.filter((check) => check !== undefined);
    if (known.length === checks.length) return known.map((check) => asBefore(check, troubled));
    await sleep(POLL_MS, signal);
  }
}

function asBefore(check: Check, troubled: readonly string[]): Check {
  if (check.status !== 'failed' || !troubled.map(nameOf).includes(check.name)) return check;
  return { ...check, status: 'skipped', message: `${check.message} (it was in trouble before the restore as well)` };
}

function nameOf(service: string): string {
  return `service ${service}`;
}

/** @returns undefined where one of its containers needs another moment */
function checkService(service: string, containers: readonly Seen[], waited: number): Check | undefined {
  const name = nameOf(service);
  if (containers.length === 0) return { name, status: 'failed', message: 'it has no container' };
  const verdicts = containers.map((container) => judge(container, waited));
  const bad = verdicts.find((verdict) => verdict !== undefined && verdict.status !== 'ok');
  if (bad !== undefined) return { name, ...bad };
  const [first] = verdicts;
  return first === undefined || verdicts.includes(undefined) ? undefined : { name, ...first };
}

function judge({ name, found }: Seen, waited: number): Verdict | undefined {
  const { Status } = found.State;
  const verdict = STOPPED.includes(Status) ? judgeStopped(found) : judgeRunning(found);
  if (typeof verdict !== 'string') return verdict;
  if (!isOver(found, waited)) return undefined;
  return { status: 'failed', message: `container ${name} ${verdict}. See its log.` };
}

const STOPPED: readonly string[] = ['exited', 'stopped', 'dead', 'created'];

type State = Seen['found'];

/** @returns what is wrong, unless it gets better in a moment */
function judgeStopped({ State: { Status, ExitCode } }: State): Verdict | string {
  // A job that is done; or a program that gave up without saying so.
  if (Status === 'exited' && ExitCode === 0)
    return { status: 'skipped', message: 'it ran before, was started, and has ended by itself, without error' };
  return `does not run: ${Status}, exit code ${ExitCode}`;
}

function judgeRunning({ State: { Status, StartedAt, Health }, RestartCount }: State): Verdict | string {
  if (Health?.Status === 'healthy') return { status: 'ok', message: 'it is healthy' };
  if (Health?.Status === 'unhealthy') return 'is unhealthy';
  if (Health?.Status === 'starting') return 'is still starting, says its health check, for longer than that allows';
  // A time that cannot be read is none of the last seconds.
  const isStable = Status === 'running' && !(Date.now() - Date.parse(StartedAt) < STABLE_MS);
  if (isStable) return { status: 'ok', message: 'it runs' };
  return `does not stay up: ${Status}, restarted ${RestartCount} times`;
}

/** Whether a container has had the time that it may take: its checks, as often as they may fail, and one more. */
function isOver({ State, Config }: State, waited: number): boolean {
  const { Interval = 0, Timeout = 0, StartPeriod = 0, Retries = 0 } = Config.Healthcheck ?? {};
  const once = ((Interval || HEALTH.interval) + (Timeout || HEALTH.timeout)) / NS_PER_MS;
  // With a restart policy it would be `restarting`.
  if (STOPPED.includes(State.Status)) return true;
  const health = State.Health?.Status ?? '';
  if (health === '') return waited >= SHORTEST_WAIT_MS;
  const limit = Math.max(SHORTEST_WAIT_MS, StartPeriod / NS_PER_MS + once * ((Retries || HEALTH.retries) + 1));
  // It has failed as often as it may, long ago: it gets one more, for what it waits for may just have come up.
  const isOld = health === 'unhealthy' && Date.now() - Date.parse(State.StartedAt) >= limit;
  return waited >= (isOld ? once : limit);
}

async function containersOf(compose: Compose, project: string): Promise<readonly Seen[]> {
  const seen: Seen[] = [];
  for (const { id, name, service } of await listByLabel(compose, project)) {
    const text = await inspectThere(compose, ['inspect', '--type', 'container', id]);
    const [found] = text.trim() === '' ? [] : parseInspected(text, inspected, 'inspect');
    if (found !== undefined) seen.push({ name, service, found });
  }
  return seen;
}
