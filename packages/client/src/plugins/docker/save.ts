// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmod, chown, copyFile, mkdir, stat, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { PluginContext, TaskResult } from '../../plugin.ts';
import { createCompose, projectNameOf, readModel } from './compose.ts';
import { type Container, listContainers } from './containers.ts';
import { findProjectFiles } from './env-files.ts';
import type { DockerOptions } from './options.ts';
import { pinImages, pinnedYaml } from './pin.ts';
import { CONFIG_DIRECTORY, PINNED_FILE, PROJECT_FILE, placeOf } from './places.ts';
import type { SavedProject } from './project.ts';
import { parseStopped, servicesOf } from './stopped.ts';
import { locateStorage, treesOf } from './volumes.ts';

type Context = PluginContext<DockerOptions>;

/** Saves the files of the project, what its images are, and its volumes. */
export async function saveProject(context: Context): Promise<TaskResult> {
  const { options, stage } = context;
  const compose = createCompose(context);
  const { settings } = compose;
  const model = await readModel(compose, context);
  const memo = context.remembered();
  // Before anything was stopped: after `down` there are none.
  const containers = memo === undefined ? await listContainers(compose) : parseStopped(memo).containers;
  const project = await projectNameOf(compose, model);
  const directory = join(stage, CONFIG_DIRECTORY);
  await mkdir(directory, { mode: 0o700 });
  const { files, warnings } = options.backup_config ? await findProjectFiles(settings) : { files: [], warnings: [] };
  const saved = await copyAll(files, settings.directory, directory);
  const pinned = await pinImages(compose, model.services, containers);
  if (settings.pinImages) await writeFile(join(directory, PINNED_FILE), pinnedYaml(pinned.images), { mode: 0o600 });
  const storage = options.volumes
    ? await locateStorage(compose, { model, project, containers, exclude: options.exclude_volumes })
    : { volumes: [], binds: [], warnings: [] };
  const running = servicesOf(containers.filter(({ state }) => state !== 'stopped'));
  const record: SavedProject = {
    ...{ format: 1, project, directory: settings.directory, files: saved, composeFiles: [...settings.files] },
    ...{ services: [...model.services].sort(), running: [...running].sort(), pinned: settings.pinImages },
    ...{ images: imagesOf(containers), labels: labelsOf(containers), binds: [...storage.binds] },
    hasBinds: containers.some(({ mounts }) => mounts.some(({ type }) => type === 'bind')),
    volumes: storage.volumes.map(({ name, key }) => ({ name, ...(key === undefined ? {} : { key }) })),
  };
  await writeFile(join(directory, PROJECT_FILE), `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
  return {
    trees: treesOf(storage),
    warnings: [...warnings, ...(settings.pinImages ? pinned.warnings : []), ...storage.warnings],
    facts: { project, running: record.running.join(' ').slice(0, 1000), ...imageFacts(pinned.images) },
  };
}

/** Content, mode, owner and time as they are: a file that nobody has changed must not look changed. */
async function copyAll(files: readonly string[], project: string, directory: string): Promise<SavedProject['files']> {
  const saved: SavedProject['files'] = [];
  for (const path of files) {
    const place = placeOf(path, project);
    if (place === PROJECT_FILE || place === PINNED_FILE)
      throw new BackupError(
        'config',
        `${path}: a file of the project cannot have this name, it is one of ours. Rename it.`,
      );
    const target = join(directory, place);
    await mkdir(dirname(target), { recursive: true, mode: 0o700 });
    const { mode, uid, gid, atime, mtime } = await stat(path);
    await copyFile(path, target);
    await chown(target, uid, gid);
    await chmod(target, mode & 0o7777);
    await utimes(target, atime, mtime);
    saved.push({ path, saved: place });
  }
  return saved;
}

function imagesOf(containers: readonly Container[]): Record<string, string> {
  return Object.fromEntries(sorted(containers).map(({ service, image }) => [service, image]));
}

/** Without those that compose and podman put there themselves: they change with every container. */
function labelsOf(containers: readonly Container[]): Record<string, Record<string, string>> {
  return Object.fromEntries(
    sorted(containers).map(({ service, labels }) => {
      const own = Object.entries(labels).filter(([name]) => !/^(?:com\.docker\.|io\.podman\.|PODMAN_)/.test(name));
      return [service, Object.fromEntries(own.sort())];
    }),
  );
}

function sorted(containers: readonly Container[]): readonly Container[] {
  return [...containers].filter(({ service }) => service !== '').sort((a, b) => (a.service < b.service ? -1 : 1));
}

function imageFacts(images: Readonly<Record<string, string>>): Record<string, string> {
  const facts = Object.entries(images).map(([service, image]) => [
    `image ${service}`.slice(0, 100),
    image.slice(0, 1000),
  ]);
  return Object.fromEntries(facts);
}
