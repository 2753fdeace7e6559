// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { sleep } from '@local-backup/common/sleep';
import type { PluginContext } from '../../plugin.ts';
import { type Compose, createCompose, readModel } from './compose.ts';
import { type Container, inspectContainers, listContainers } from './containers.ts';
import type { ComposeModel } from './model.ts';
import type { DockerOptions } from './options.ts';
import { inStartOrder } from './order.ts';
import { ranBefore, type Stopped, servicesOf } from './stopped.ts';

type Context = PluginContext<DockerOptions>;

/** How often it is looked whether containers are down, in milliseconds. */
const POLL_MS = 200;

/**
 * Stops what runs of the project, in the order of its dependencies, after it was written down.
 * @throws BackupError `failed` where something is not down in time
 */
export async function stopProject(context: Context): Promise<void> {
  if (context.options.stop_services === false) return;
  const compose = createCompose(context);
  const model = await readModel(compose, context);
  const containers = await listContainers(compose);
  const targets = toStop(containers, model, context);
  if (targets.length === 0) {
    context.log.info('Nothing of the project runs: there is nothing to stop.');
    return;
  }
  const mode = context.options.stop_mode;
  const stopped: Stopped = {
    mode,
    containers: [...containers],
    stopped: targets.map(({ id }) => id),
    dependencies: Object.fromEntries(Object.entries(model.dependencies).map(([name, needs]) => [name, [...needs]])),
    isQuiet: false,
  };
  await context.remember(stopped);
  await compose.compose(stopArgs(stopped, context.options));
  await waitUntilQuiet(compose, stopped, context);
  await context.remember({ ...stopped, isQuiet: true });
}

/** Containers of the project that run and that compose would not stop. */
export function orphansOf(containers: readonly Container[], services: readonly string[]): readonly Container[] {
  return containers.filter(({ state, service }) => state === 'running' && !services.includes(service));
}

/** What is worth a warning: such a container goes on writing while the volumes are read. */
export function orphanText({ name }: Container): string {
  return (
    `Container ${name} belongs to the project, but its service is not in the compose file, or only in a profile that ` +
    '`profiles` does not name: it is not stopped.'
  );
}

/** What `stop_services` asks for, of what runs. What is no service of the file (any more) is left alone, as compose does. */
function toStop(
  containers: readonly Container[],
  { services }: ComposeModel,
  { options, log }: Pick<Context, 'options' | 'log'>,
): readonly Container[] {
  const { stop_services: wanted, stop_mode: mode } = options;
  const running = containers.filter(({ state }) => state === 'running');
  const orphans = orphansOf(containers, services);
  for (const orphan of orphans) log.warn(orphanText(orphan));
  const chosen = running.filter((container) => !orphans.includes(container));
  if (Array.isArray(wanted)) return chosen.filter(({ service }) => wanted.includes(service));
  const paused = containers.find(({ state }) => state === 'paused');
  if (mode === 'down' && paused !== undefined && chosen.length > 0)
    throw new BackupError(
      'failed',
      `Container ${paused.name} is paused, and \`stop_mode: down\` would remove it. Unpause it, or use \`stop_mode: stop\`.`,
    );
  return chosen;
}

/** How long a container gets to end by itself, for compose and for the engine. */
export function limitArgs(seconds: number | undefined): string[] {
  return seconds === undefined ? [] : ['-t', String(seconds)];
}

function stopArgs(stopped: Stopped, { stop_timeout: seconds }: DockerOptions): string[] {
  // In the order of the start: podman-compose stops in the opposite order of what it is given; the others look for
  // themselves what depends on what.
  const services = inStartOrder(servicesOf(ranBefore(stopped)), stopped.dependencies);
  const limit = limitArgs(seconds);
  if (stopped.mode === 'down') return ['down', ...limit];
  return stopped.mode === 'pause' ? ['pause', ...services] : ['stop', ...limit, ...services];
}

async function waitUntilQuiet(compose: Compose, { stopped, mode }: Stopped, context: Context): Promise<void> {
  const seconds = context.options.stop_wait_seconds;
  const quiet = mode === 'pause' ? 'paused' : 'stopped';
  for (let waited = 0; ; waited += POLL_MS) {
    const busy = (await inspectContainers(compose, stopped)).filter(({ state }) => state !== quiet);
    if (busy.length === 0) return;
    if (waited >= seconds * 1000) {
      const names = busy.map(({ name }) => name).join(', ');
      throw new BackupError(
        'failed',
        `${names}: still not ${quiet} ${seconds} s after \`compose ${mode}\` had ended (\`stop_wait_seconds\`). ` +
          'What is read from a service that runs may be of no use, so it is not saved.',
      );
    }
    await sleep(POLL_MS, context.signal);
  }
}
