// SPDX-License-Identifier: AGPL-3.0-or-later
import { dirname, join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { RestoreContext } from '../../plugin-copy.ts';
import { type Compose, createCompose } from './compose.ts';
import { readComposeYaml } from './model.ts';
import { type DockerOptions, settingsOf } from './options.ts';
import { CONFIG_DIRECTORY, PINNED_FILE } from './places.ts';
import { readCopied, readSavedProject, type SavedProject } from './project.ts';
import { moved } from './swap.ts';
import { asMap, listOf } from './yaml-values.ts';

export type Restore = RestoreContext<DockerOptions>;

/** What is restored, and as which project. */
export interface Target {
  /** With the paths and names that it gets: others than the saved ones where it is restored beside the original. */
  readonly project: SavedProject;
  /** How a volume is named in the copy, by the name that it gets. */
  readonly savedVolumes: ReadonlyMap<string, string>;
  readonly compose: Compose;
  /** Why it must not be started beside the original; empty where it can be. */
  readonly conflicts: readonly string[];
}

/** @throws BackupError with everything that keeps this copy from being restored with these options */
export async function findTarget(context: Restore): Promise<Target> {
  const saved = await readSavedProject(context.copy);
  const settings = settingsOf(context.options);
  if (saved.files.length > 0 && saved.composeFiles.join('\n') !== settings.files.join('\n')) {
    throw new BackupError(
      'config',
      `The copy was made of ${saved.composeFiles.join(', ')}, but service.yaml names ${settings.files.join(', ')}. ` +
        `Set \`${settings.filesKey}\` to what was saved for the restore.`,
    );
  }
  if (context.options.restore_pinned && !saved.pinned)
    throw new BackupError(
      'config',
      `\`restore_pinned\` is set, but the copy has no pinned images: \`${settings.pinKey}\` was not set.`,
    );
  const project = context.as === undefined ? saved : renamed(saved, context.as);
  const savedVolumes = new Map(project.volumes.map(({ name }, index) => [name, saved.volumes[index]?.name ?? name]));
  const elsewhere = {
    ...{ files: project.composeFiles, directory: project.directory, projectName: context.as, isDirectoryGiven: false },
    envFiles: settings.envFiles.map((file) => moved(file, saved.directory, project.directory) ?? file),
  };
  const override = context.as === undefined ? {} : elsewhere;
  const pinned = context.options.restore_pinned
    ? {
        files: [
          ...(context.as === undefined ? settings.files : project.composeFiles),
          join(project.directory, PINNED_FILE),
        ],
      }
    : {};
  const compose = createCompose(context, { ...override, ...pinned });
  return {
    project,
    savedVolumes,
    compose,
    conflicts: context.as === undefined ? [] : await findConflicts(context, saved),
  };
}

/**
 * The same project under another name, in a directory of that name beside the original.
 * @throws BackupError `config` where both would use the same files or volumes
 */
function renamed(saved: SavedProject, as: string): SavedProject {
  const reasons: string[] = [];
  if (!/^[a-z0-9][a-z0-9_-]*$/.test(as))
    reasons.push(`${as} is no name for a project: lower case letters, digits, \`-\`, \`_\`.`);
  if (as === saved.project) reasons.push(`${as} is the name of the project itself.`);
  if (saved.hasBinds) reasons.push('It has bind mounts: both projects would write into the same directories.');
  if (saved.files.length === 0) reasons.push('No compose file was saved (`backup_config: false`).');
  const directory = join(dirname(saved.directory), as);
  const move = (path: string) => {
    const place = moved(path, saved.directory, directory);
    if (place === undefined) reasons.push(`${path} is outside of the project's directory, so both would use it.`);
    return place ?? path;
  };
  const files = saved.files.map(({ path, saved: place }) => ({ path: move(path), saved: place }));
  const volumes = saved.volumes.map(({ name, key }) => {
    if (key === undefined || name !== `${saved.project}_${key}`)
      reasons.push(`Volume ${name} has this name in both projects.`);
    return { name: `${as}_${key ?? name}`, ...(key === undefined ? {} : { key }) };
  });
  const composeFiles = saved.composeFiles.map((path) => moved(path, saved.directory, directory) ?? path);
  if (reasons.length > 0)
    throw new BackupError(
      'config',
      `The project cannot be restored under another name (\`--as ${as}\`):\n${reasons.join('\n')}`,
    );
  return { ...saved, project: as, directory, files, composeFiles, volumes };
}

/** Names and ports that only one project can have. */
async function findConflicts({ copy }: Restore, saved: SavedProject): Promise<string[]> {
  const conflicts: string[] = [];
  for (const { path, saved: place } of saved.files) {
    if (!saved.composeFiles.includes(path)) continue;
    const text = await readCopied(copy, [CONFIG_DIRECTORY, place]);
    try {
      conflicts.push(...conflictsIn(readComposeYaml(text, place)));
    } catch (error) {
      conflicts.push(describeError(error));
    }
  }
  return conflicts;
}

function conflictsIn(document: unknown): string[] {
  const { services, name } = asMap(document);
  // `-p` counts more than `name`, so that one is no conflict where it is only a name.
  const found = Object.entries(asMap(services)).flatMap(([service, value]) => {
    const { ports, container_name, network_mode } = asMap(value);
    return [
      ...(container_name === undefined ? [] : [`${service} has a container_name`]),
      ...(network_mode === 'host' ? [`${service} uses the network of the host`] : []),
      ...(listOf(ports).some(isPublished) ? [`${service} publishes ports`] : []),
    ];
  });
  return typeof name === 'string' && name.includes('$') ? [...found, 'the name of the project is a variable'] : found;
}

function isPublished(entry: unknown): boolean {
  if (typeof entry === 'string') return entry.includes(':');
  return asMap(entry).published !== undefined;
}
