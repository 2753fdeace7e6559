// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { RestoreStep } from '../../plugin-copy.ts';
import { listByLabel } from './containers.ts';
import { BINDS_DIRECTORY, CONFIG_DIRECTORY, PINNED_FILE, VOLUMES_DIRECTORY } from './places.ts';
import { locateCopied } from './project.ts';
import { findTarget, type Restore, type Target } from './restore-target.ts';
import { servicesOf } from './stopped.ts';
import { obstacleAt } from './swap.ts';
import { missingPrograms } from './validate.ts';
import { locateVolume } from './volumes.ts';

/** Something of the copy, and where it goes. */
export interface Piece {
  /** In the copy. */
  readonly source: string;
  readonly target: string;
}

/** What a restore would do. */
export async function planRestore(context: Restore): Promise<readonly RestoreStep[]> {
  const missing = await missingPrograms(context);
  if (missing.length > 0) throw new BackupError('config', missing.join('\n'));
  const target = await findTarget(context);
  const containers = await listByLabel(target.compose, target.project.project);
  const running = containers.filter(({ state }) => state !== 'stopped');
  const obstacles: string[] = [];
  if (context.as !== undefined && (containers.length > 0 || (await exists(target.project.directory))))
    obstacles.push(`There is a project ${context.as}, or the directory ${target.project.directory}, already.`);
  const stops = running.map(({ name }): RestoreStep => ({ action: 'stop', what: `container ${name}` }));
  const volumes = await volumeSteps(target, obstacles);
  const files = await pieceSteps(
    [...(await bindPieces(context, target)), ...(await filePieces(context, target))],
    obstacles,
  );
  if (obstacles.length > 0) throw new BackupError('failed', obstacles.join('\n'));
  const services = containers.length > 0 ? servicesOf(running) : target.project.running;
  return [...stops, ...volumes, ...files, ...startSteps(context, target, services)];
}

async function pieceSteps(pieces: readonly Piece[], obstacles: string[]): Promise<RestoreStep[]> {
  const steps: RestoreStep[] = [];
  for (const { target } of pieces) {
    const obstacle = await obstacleAt(target).catch(describeError);
    if (obstacle !== undefined) obstacles.push(obstacle);
    const isThere = await exists(target);
    steps.push(isThere ? { action: 'replace', what: `${target}${KEPT}` } : { action: 'create', what: target });
  }
  return steps;
}

const KEPT = ' (what is there is renamed to *.before-restore-*)';

function startSteps({ options }: Restore, { conflicts, compose }: Target, services: readonly string[]): RestoreStep[] {
  const images: RestoreStep[] = options.restore_pinned
    ? [{ action: 'note', what: `the images are those of ${PINNED_FILE}, by their digests` }]
    : [];
  if (conflicts.length > 0) {
    const what = `not started, because ${conflicts.join(', ')}. Change that, then: ${compose.composeLine(['up', '-d'])}`;
    return [...images, { action: 'note', what }];
  }
  return [...images, ...services.map((name) => ({ action: 'start', what: `service ${name}` }) as const)];
}

async function volumeSteps({ project, compose }: Target, obstacles: string[]): Promise<RestoreStep[]> {
  const steps: RestoreStep[] = [];
  for (const { name } of project.volumes) {
    const path = await locateVolume(compose, name);
    if (typeof path !== 'string') {
      if (path.isMissing) steps.push({ action: 'create', what: `volume ${name}, with its content` });
      else
        obstacles.push(
          `Volume ${name} cannot be filled: its files are not on this host. Its driver mounts them, or its directory is gone: docker volume inspect ${name}`,
        );
      continue;
    }
    const obstacle = (await obstacleAt(path)) ?? (await usedByOthers({ project, compose }, name));
    if (obstacle !== undefined) obstacles.push(obstacle);
    steps.push({ action: 'replace', what: `content of volume ${name}, ${path}${KEPT}` });
  }
  return steps;
}

/** Containers of other projects would go on writing into what was renamed aside. */
async function usedByOthers({ compose, project }: Pick<Target, 'compose' | 'project'>, name: string) {
  const { stdout } = await compose.engine(['ps', '-q', '--filter', `volume=${name}`]);
  const own = (await listByLabel(compose, project.project)).map(({ id }) => id);
  const others = stdout
    .split('\n')
    .filter((id) => id.trim() !== '' && !own.some((other) => other.startsWith(id.trim())));
  if (others.length === 0) return undefined;
  return `Volume ${name} is used by containers that are not of this project (${others.join(', ')}): stop them first.`;
}

/** Bind mounts, in the order of their paths. */
export async function bindPieces({ copy }: Restore, { project }: Target): Promise<readonly Piece[]> {
  return found(
    project.binds.map((path) => ({ place: `${BINDS_DIRECTORY}${path}`, target: path })),
    copy,
  );
}

/** Files of the project that are not what they were, and the pinned images where they are asked for. */
export async function filePieces({ copy, options }: Restore, { project }: Target): Promise<readonly Piece[]> {
  const places = project.files.map(({ path, saved }) => ({ place: `${CONFIG_DIRECTORY}/${saved}`, target: path }));
  const pinned = { place: `${CONFIG_DIRECTORY}/${PINNED_FILE}`, target: join(project.directory, PINNED_FILE) };
  const pieces = await found(options.restore_pinned ? [...places, pinned] : places, copy);
  const changed: Piece[] = [];
  for (const piece of pieces) if (!(await isSame(piece))) changed.push(piece);
  return changed;
}

/** Where the volumes are in the copy. */
export async function volumeSource({ copy }: Restore, savedName: string): Promise<string> {
  const [piece] = await found([{ place: `${VOLUMES_DIRECTORY}/${savedName}`, target: savedName }], copy);
  return piece?.source ?? '';
}

/** @throws BackupError `failed` where the copy lacks one */
async function found(places: readonly { readonly place: string; readonly target: string }[], copy: string) {
  const pieces: Piece[] = [];
  for (const { place, target } of places) {
    const source = await locateCopied(copy, [place]);
    const facts = source === undefined ? undefined : await lstat(source);
    if (source === undefined || !(facts?.isFile() || facts?.isDirectory()))
      throw new BackupError('failed', `${place} is not in the copy, or is a link: it cannot be restored.`);
    pieces.push({ source, target });
  }
  return pieces;
}

async function isSame({ source, target }: Piece): Promise<boolean> {
  const [saved, now] = [await lstat(source), await lstat(target).catch(() => undefined)];
  if (now?.isFile() !== true || now.size !== saved.size || now.mode !== saved.mode || now.uid !== saved.uid)
    return false;
  return (await readFile(source)).equals(await readFile(target));
}

async function exists(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => undefined)) !== undefined;
}
