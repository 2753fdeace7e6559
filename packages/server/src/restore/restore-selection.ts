// SPDX-License-Identifier: AGPL-3.0-or-later
import type { BytePath } from '@local-backup/common/byte-path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Manifest, ManifestService } from '@local-backup/common/manifest';
import { escapeGlob, type Glob, parseGlob } from './glob.ts';

/** The part of a snapshot that is wanted. */
export interface Selection {
  /** Globs for the store, relative to the tree; empty: everything. */
  readonly include: readonly string[];
  readonly selects: (path: BytePath) => boolean;
  /** What is selected by each glob of `include`; empty: everything is. */
  readonly globs: readonly Glob[];
}

/**
 * The globs of `--path`, below each of the services where some are named.
 * @param services `type/name`
 * @throws BackupError `usage` for what is no glob
 */
export function selectParts(services: readonly string[], paths: readonly string[]): Selection {
  for (const path of paths) globOf(path);
  const within = paths.length === 0 ? [''] : paths;
  const texts = services.length === 0 ? paths : services.flatMap((service) => join(service, within));
  const globs = texts.map(globOf);
  return {
    include: globs.map(({ text }) => text),
    selects: globs.length === 0 ? () => true : (path) => globs.some(({ covers }) => covers(path)),
    globs,
  };
}

function join(service: string, paths: readonly string[]): readonly string[] {
  return paths.map((path) => `${service.split('/').map(escapeGlob).join('/')}/${path}`);
}

function globOf(text: string): Glob {
  const glob = parseGlob(text);
  if (!('complaint' in glob)) return glob;
  throw new BackupError('usage', `--path "${showControls(text)}" ${glob.complaint}.`);
}

/**
 * The directory, `type/name`, of a service that is named by this or by its name alone.
 * @throws BackupError `usage` where no service, or more than one, has the name; tells which there are
 */
export function chooseService({ services, hostname }: Manifest, wanted: string): string {
  const found = services.filter((service) => directoryOf(service) === wanted || service.name === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return directoryOf(only);
  const problem = only === undefined ? 'No service' : 'More than one service';
  const list = services.map(directoryOf).sort().join(', ');
  throw new BackupError(
    'usage',
    `${problem} in this snapshot of ${hostname} has the name "${showControls(wanted)}". There are: ${list}`,
  );
}

function directoryOf({ type, name }: ManifestService): string {
  return `${type}/${name}`;
}
