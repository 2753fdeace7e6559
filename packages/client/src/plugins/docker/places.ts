// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';

/** Directory of the stage, and of a copy, as the original had it (C47). */
export const CONFIG_DIRECTORY = 'docker_config';
/** Beside the compose file: compose takes it as one more `-f`. */
export const PINNED_FILE = 'docker-compose.pinned.yml';
/** What was saved, and where it belongs. */
export const PROJECT_FILE = 'project.json';
/** Named volumes, each by its name. */
export const VOLUMES_DIRECTORY = 'volumes';
/** Bind mounts, by their whole path. */
export const BINDS_DIRECTORY = 'binds';

/**
 * Where a file is put below {@link CONFIG_DIRECTORY}: as in the project's directory, or by its whole path below
 * `outside`.
 */
export function placeOf(file: string, directory: string): string {
  const inside = directory === '/' ? '/' : `${directory}/`;
  return file.startsWith(inside) ? file.slice(inside.length) : join('outside', file);
}
