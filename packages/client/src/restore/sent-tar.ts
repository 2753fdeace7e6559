// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { displayPath } from '@local-backup/common/byte-path';
import type { Entry } from '@local-backup/common/entry';
import { BackupError } from '@local-backup/common/errors';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import type { RestoreManifest } from '@local-backup/common/restore-tar';
import { hashHoles } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';
import { UNBOUNDED } from '../archive-limits.ts';

const PIECE_BYTES = 1024 * 1024;

/**
 * Reads a tar file that the server has sent, whole: it has to be the one that the manifest tells of, and to hold nothing
 * but the one service.
 * @throws BackupError `untrusted` naming the first thing that is wrong
 */
export async function verifySentTar(file: string, manifest: RestoreManifest, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const judge = createJudge(`${manifest.service.type}/${manifest.service.name}`);
  const reader = createTarReader({ limits: { ...UNBOUNDED, ...MEMBER_LIMITS }, onEntry: judge, hash: false });
  for await (const piece of createReadStream(file, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>) {
    signal.throwIfAborted();
    hash.update(piece);
    bytes += piece.length;
    if (!reader.write(piece)) await hashHoles(reader, signal);
  }
  reader.end();
  if (bytes === manifest.bytes && hash.digest('hex') === manifest.sha256) return;
  throw new BackupError('untrusted', 'it is not the file that its manifest tells of: have the server send it again.');
}

/** Refuses members outside the service's directory, devices, and what would be reached through a link. Pure. */
export function createJudge(prefix: string): (entry: Entry) => void {
  const links = new Set<string>();
  const isWithin = (path: string) => {
    return (path === prefix || path.startsWith(`${prefix}/`)) && !path.split('/').includes('..');
  };
  const complaint = ({ path, type, link = '' as Entry['path'] }: Entry): string | undefined => {
    if (!isWithin(path)) return 'does not belong to the service';
    if (type === 'character' || type === 'block') return 'is a device';
    if (type === 'hardlink' && !isWithin(link)) return 'is a second name of something outside the service';
    return liesBeneath(path, links) ? 'lies beneath a symbolic link' : undefined;
  };
  return (entry) => {
    const problem = complaint(entry);
    if (problem !== undefined) {
      throw new BackupError('untrusted', `it holds ${displayPath(entry.path)}, which ${problem}.`);
    }
    if (entry.type === 'symlink') links.add(entry.path);
  };
}

/**
 * The same for an archive, which holds other services as well: those are not unpacked. The account of the server could
 * have put another archive, with all that belongs to it, in the place of ours. Pure.
 */
export function createArchiveJudge(prefix: string): (entry: Entry) => void {
  const judge = createJudge(prefix);
  return (entry) => {
    if (entry.path === prefix || entry.path.startsWith(`${prefix}/`)) judge(entry);
  };
}

function liesBeneath(path: string, links: ReadonlySet<string>): boolean {
  if (links.size === 0) return false;
  for (let at = path.indexOf('/'); at >= 0; at = path.indexOf('/', at + 1)) {
    if (links.has(path.slice(0, at))) return true;
  }
  return false;
}
