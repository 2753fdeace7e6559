// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { SERVICE_NAME_PATTERN } from '@local-backup/common/manifest';
import { isServiceCalled } from '@local-backup/common/restore-tar';

/** A service in a directory that the server, or an admin, has put there. */
export interface FoundDirectory {
  /** Without symbolic links. */
  readonly directory: string;
  readonly type: string;
  readonly name: string;
}

/**
 * The directory of a service: `from` itself (`.../<type>/<service>`), or in it as the root of a copy. No symbolic link
 * below `from` is followed.
 * @throws BackupError `usage` where it is not there, `untrusted` where others could change the copy meanwhile
 */
export async function findInDirectory(from: string, wanted: string): Promise<FoundDirectory> {
  const root = await realpath(from).catch((cause: NodeJS.ErrnoException) => {
    throw new BackupError('usage', `Cannot restore from ${showControls(from)}: ${cause.message}`, { cause });
  });
  const candidates = [
    { directory: root, type: basename(dirname(root)), name: basename(root) },
    ...(await servicesBelow(root)),
  ];
  const found: FoundDirectory[] = [];
  for (const candidate of candidates) {
    if (!isNamed(candidate) || !isServiceCalled(candidate, wanted)) continue;
    if (await isCopy(candidate.directory)) found.push(candidate);
  }
  const [only] = found;
  if (only === undefined) throw notThere(from, wanted);
  if (found.length > 1) {
    const names = found.map(({ type, name }) => `${type}/${name}`).join(', ');
    throw new BackupError('usage', `${showControls(from)} has more than one service called ${wanted}: ${names}.`);
  }
  await requireOutOfReach(only.directory, dirname(dirname(only.directory)));
  return only;
}

/** Both become parts of paths and messages. */
function isNamed({ type, name }: FoundDirectory): boolean {
  return SERVICE_NAME_PATTERN.test(type) && SERVICE_NAME_PATTERN.test(name);
}

async function servicesBelow(root: string): Promise<readonly FoundDirectory[]> {
  const found: FoundDirectory[] = [];
  for (const type of await directoriesIn(root)) {
    for (const name of await directoriesIn(join(root, type))) {
      found.push({ directory: join(root, type, name), type, name });
    }
  }
  return found;
}

/** Directories, not links to some. */
async function directoriesIn(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

/** Every copy of a service tells how it was made. */
async function isCopy(directory: string): Promise<boolean> {
  const facts = await lstat(join(directory, 'config_used')).catch(() => undefined);
  return facts?.isDirectory() ?? false;
}

function notThere(from: string, wanted: string): BackupError {
  return new BackupError(
    'usage',
    `${showControls(from)} holds no copy of ${wanted}. Give the directory that has <type>/<service>/ in it, or the ` +
      'directory <type>/<service> itself; it has to have config_used/service.yaml in it.',
  );
}

const OTHERS_WRITE = 0o022;
const OTHERS_ENTER = 0o011;
const STICKY = 0o1000;

/**
 * Files of the copy belong to whom they belonged to on the host. Somebody who can get at his own could put links in
 * their place while root reads or writes them: one directory on the way has to be closed, and those above it root's.
 * @param directory without symbolic links
 * @param closed the directory that the message says should be closed
 * @throws BackupError `untrusted`
 */
export async function requireOutOfReach(directory: string, closed: string): Promise<void> {
  for (const path of wayTo(directory)) {
    const { uid, mode } = await lstat(path);
    if (uid === 0 && (mode & OTHERS_ENTER) === 0) return;
    // In a sticky directory, /tmp for example, nobody can put something in the place of what is root's.
    const isSafe = uid === 0 && ((mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0);
    if (!isSafe) throw withinReach(path, closed);
  }
  throw withinReach(directory, closed);
}

/** The directory and all those above it, `/` first. */
function wayTo(directory: string): readonly string[] {
  return directory === '/' ? ['/'] : [...wayTo(dirname(directory)), directory];
}

function withinReach(path: string, closed: string): BackupError {
  const shown = showControls(closed);
  return new BackupError(
    'untrusted',
    `Others could change the copy while it is being restored (${showControls(path)}). Put it where only root can enter: ` +
      `chown root ${shown}; chmod 0700 ${shown}`,
  );
}
