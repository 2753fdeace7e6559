// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatArchiveName } from '@local-backup/common/archive-name';
import type { Manifest } from '@local-backup/common/manifest';
import { manifestName } from '@local-backup/common/spool';
import { harmlessArchive } from './hostile-archives.ts';
import type { HostileArchive } from './hostile-members.ts';
import { describeArchive } from './make-archive.ts';

/** Where a client that was taken over publishes. */
export interface Place {
  readonly spool: string;
  readonly hostname: string;
  readonly stamp: string;
}

/**
 * Publishes any bytes as an archive, with the most credible manifest and entry list there can be: those that are true of
 * it where it can be read at all, else those of a harmless archive. Size and hash are always right.
 */
export async function publishHostile({ bytes, refusedBy }: Pick<HostileArchive, 'bytes' | 'refusedBy'>, place: Place) {
  const content = bytes();
  const name = formatArchiveName(place);
  const file = join(place.spool, name);
  writeFileSync(file, content);
  const manifest = refusedBy === 'judge' ? await describe(place) : await describeHarmless(file, place);
  const sha256 = createHash('sha256').update(content).digest('hex');
  writeFileSync(file, content);
  writeManifest(place, JSON.stringify({ ...manifest, bytes: content.length, sha256 }));
  return { name, manifest };
}

/** A harmless archive, published as it should be. */
export function publishHarmless(place: Place) {
  return publishHostile({ bytes: harmlessArchive, refusedBy: 'judge' }, place);
}

export function writeManifest(place: Place, text: string | Buffer): void {
  writeFileSync(join(place.spool, manifestName(formatArchiveName(place))), text);
}

function describe(place: Place): Promise<Manifest> {
  return describeArchive({ ...place, source: '' });
}

async function describeHarmless(file: string, place: Place): Promise<Manifest> {
  writeFileSync(file, harmlessArchive());
  return describe(place);
}
