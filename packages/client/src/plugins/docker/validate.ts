// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import type { PluginContext } from '../../plugin.ts';
import { containerEngine } from '../../plugin-tools/container.ts';
import { type Compose, createCompose, projectNameOf, readModel } from './compose.ts';
import { type Container, listContainers } from './containers.ts';
import type { ComposeModel } from './model.ts';
import type { DockerOptions, Settings } from './options.ts';
import { orphansOf, orphanText } from './stop.ts';
import { isAnonymousVolume, locateStorage } from './volumes.ts';

type Context = PluginContext<DockerOptions>;

/**
 * Finds out before anything is stopped whether the project can be stopped, read and started again.
 * @returns what is worth a warning
 * @throws BackupError `config` with all complaints
 */
export async function validateProject(context: Context): Promise<readonly string[]> {
  const compose = createCompose(context);
  const missing = [...(await missingPrograms(context)), ...(await missingFiles(compose.settings))];
  if (missing.length > 0) throw new BackupError('config', missing.join('\n'));
  const model = await explained(readModel(compose, context), compose);
  const containers = await explained(listContainers(compose), compose);
  const complaints = [...unknownServices(model, context.options), ...lostVolumes(containers, context.options)];
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  const orphans = context.options.stop_services === true ? orphansOf(containers, model.services) : [];
  return [
    ...orphans.map(orphanText),
    ...(context.options.volumes ? await storageWarnings(compose, context, { model, containers }) : []),
  ];
}

/** What program is missing, by the package that brings it. */
export async function missingPrograms({ tools }: Pick<Context, 'tools'>): Promise<readonly string[]> {
  const programs = new Set([tools.docker[0] ?? 'docker', containerEngine(tools)]);
  const complaints: string[] = [];
  for (const program of programs) {
    if ((await findProgram(program)) !== undefined) continue;
    complaints.push(
      `${program} not found${program.includes('/') ? '' : ` in ${searchPathOf()}`}. Install it (Debian: docker.io and docker-compose, or podman and ` +
        'podman-compose), and set `docker_cmd` in client_config.yml to how it is called: `docker compose`, ' +
        '`docker-compose` (Debian 12) or `podman-compose`.',
    );
  }
  return complaints;
}

async function missingFiles({ files, filesKey, envFiles, directory }: Settings): Promise<string[]> {
  const complaints: string[] = [];
  const named = [
    ...files.map((file) => ({ file, key: filesKey })),
    ...envFiles.map((file) => ({ file, key: 'env_file' })),
  ];
  for (const { file, key } of named) {
    const facts = await stat(file).catch(() => undefined);
    if (facts?.isFile() !== true)
      complaints.push(`${file} ${facts === undefined ? 'does not exist' : 'is no file'}. Correct \`${key}\`.`);
  }
  if ((await stat(directory).catch(() => undefined))?.isDirectory() !== true)
    complaints.push(`The directory of the project, ${directory}, does not exist. Correct \`project_directory\`.`);
  return complaints;
}

/** What a docker without compose makes of `docker compose -f FILE`: 20.10 to 27, and 28 */
const NO_COMPOSE = /unknown shorthand flag|is not a docker command|unknown command: docker compose/;

async function explained<Value>(work: Promise<Value>, { composeLine }: Compose): Promise<Value> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    const advice = NO_COMPOSE.test(error.message)
      ? 'This docker has no `compose`. Install it (docker-compose-plugin of docker.com, or docker-compose of Debian 13), or ' +
        'the docker-compose of Debian 12, and set `docker_cmd: docker-compose` in client_config.yml.'
      : `Does docker run, and does it have compose? Try: ${composeLine(['ps', '-a'])}`;
    throw new BackupError('config', `The project cannot be looked at: ${error.message}\n${advice}`, { cause: error });
  }
}

function unknownServices({ services }: ComposeModel, { stop_services: wanted }: DockerOptions): string[] {
  if (!Array.isArray(wanted)) return [];
  return wanted
    .filter((name) => !services.includes(name))
    .map((name) => `stop_services: the compose file has no service \`${name}\`; it has ${services.join(', ')}.`);
}

/** `down` removes containers, and volumes without a name stay behind where nobody finds them. */
function lostVolumes(
  containers: readonly Container[],
  { stop_mode: mode, stop_services: wanted }: DockerOptions,
): string[] {
  if (mode !== 'down' || wanted === false) return [];
  return containers
    .filter(({ mounts }) => mounts.some(({ type, name }) => type === 'volume' && isAnonymousVolume(name ?? '')))
    .map(
      ({ name }) =>
        `stop_mode: down would take container ${name} away from its anonymous volume, and the data in that with it. ` +
        'Name the volume in the compose file, or use `stop_mode: stop`.',
    );
}

async function storageWarnings(
  compose: Compose,
  { options }: Context,
  found: { readonly model: ComposeModel; readonly containers: readonly Container[] },
): Promise<readonly string[]> {
  const project = await projectNameOf(compose, found.model);
  const { warnings } = await locateStorage(compose, { ...found, project, exclude: options.exclude_volumes });
  return warnings;
}
