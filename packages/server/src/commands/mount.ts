// SPDX-License-Identifier: AGPL-3.0-or-later
import { access, mkdir, readdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { requireOwnPlace } from '../restore/restore-place.ts';
import { selectHosts } from '../select-hosts.ts';
import { hostNamed } from './find-snapshot.ts';
import { historyOf } from './repositories.ts';
import type { Session } from './session.ts';

const DEVICE = '/dev/fuse';

/** `backup-server mount DIR [HOST]`: all snapshots of a host as directories, read-only, until Ctrl-C or `umount DIR`. */
export async function mount(session: Session, to: string, name: string | undefined): Promise<number> {
  const { config, json, print, log, signal } = session;
  const directory = resolve(to);
  requireOwnPlace(directory, 'mount on', config);
  const host = hostNamed(session, name ?? onlyHost(session));
  await requireFuse();
  await prepare(directory);
  const { hostname } = host;
  const shown = showControls(directory);
  const onReady = () => {
    if (json) print(JSON.stringify({ host: hostname, directory }));
    else for (const line of usage(shown, hostname)) print(line);
  };
  try {
    await historyOf(host, session).mount(directory, onReady, signal);
  } finally {
    if (await isMounted(directory))
      log.warn(`${shown} is still mounted, somebody uses it; later: fusermount -u ${shown}`);
  }
  return 0;
}

function usage(directory: string, host: string): readonly string[] {
  return [
    `The snapshots of ${host} are in ${directory}/snapshots (read-only), the newest is ${directory}/snapshots/latest.`,
    `As long as they are, nothing can be pruned. To end it: Ctrl-C here, or in another terminal: umount ${directory}`,
  ];
}

/** There is one repository for each host. */
function onlyHost({ config }: Session): string {
  const { hosts, rejectedHosts } = selectHosts(config, []);
  const names = [...hosts, ...rejectedHosts].flatMap(({ hostname }) => hostname ?? []);
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  throw new BackupError(
    'usage',
    `Say which host: backup-server mount DIR HOST. Configured hosts: ${names.join(', ') || '(none)'}`,
  );
}

/** Makes the directory where it is missing. What is in it already could not be seen until it is unmounted. */
async function prepare(directory: string): Promise<void> {
  const cannot = `Cannot mount on ${showControls(directory)}:`;
  const names = await mkdir(directory, { recursive: true, mode: 0o700 })
    .then(() => readdir(directory))
    .catch((cause: NodeJS.ErrnoException) => {
      throw new BackupError('usage', `${cannot} ${cause.code}. Give another directory.`, { cause });
    });
  if (names.length > 0) throw new BackupError('usage', `${cannot} it is not empty. Give an empty directory.`);
}

async function requireFuse(): Promise<void> {
  const isThere = await access(DEVICE).then(
    () => true,
    () => false,
  );
  if (isThere) return;
  throw new BackupError(
    'failed',
    `There is no ${DEVICE}: this machine cannot mount (a container has to be given it; else "modprobe fuse" and the ` +
      'package fuse3). Without it: "backup-server ls" and "restore --path".',
  );
}

/** Octal escapes are how the kernel writes blanks. */
async function isMounted(directory: string): Promise<boolean> {
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
  const escaped = directory.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  return mounts.split('\n').some((line) => line.split(' ')[1] === escaped);
}
