// SPDX-License-Identifier: AGPL-3.0-or-later
import type { HostView } from '../host-view.ts';

/** A directory with files that are saved as they are. */
export interface Tree {
  readonly path: string;
  /** What is saved: where the path is a link, what it leads to. */
  readonly real: string;
  /** Bytes on disk, where they were counted in time. */
  readonly bytes: number | undefined;
}

/** What the host has beside servers and containers. */
export interface PlaceFacts {
  readonly trees: readonly Tree[];
  /** `/etc/pve` has something in it. */
  readonly isProxmox: boolean;
  readonly isUnivention: boolean;
  /** The modules of the original, without `.sh`. */
  readonly modules: readonly string[];
  /** The scripts of `/etc/backup-scripts`. */
  readonly runParts: readonly string[];
}

/** Directories that nobody wants to lose, where there is anything in them. */
const TREES = ['/etc', '/home', '/root', '/opt', '/srv', '/var/www', '/var/mail', '/var/vmail', '/usr/local'];

/** What is in them on every machine: the package of this program, the welcome pages of web servers. */
const USUAL: Readonly<Record<string, readonly string[]>> = {
  '/opt': ['backup', 'containerd'],
  '/var/www': ['html'],
  '/usr/local': ['bin', 'etc', 'games', 'include', 'lib', 'man', 'sbin', 'share', 'src'],
};

/** Counting is a courtesy, in milliseconds: a large tree is proposed without its size. */
const COUNT_TIMEOUT_MS = 3_000;

export async function lookForPlaces(view: HostView): Promise<PlaceFacts> {
  const there = await Promise.all(TREES.map(async (path) => hasOwnFiles(view, path, await view.resolve(path))));
  const paths = TREES.filter((_, index) => there[index]);
  const trees = await Promise.all(
    paths.map(async (path) => {
      const real = await view.resolve(path);
      return { path, real, bytes: await sizeOf(view, real) };
    }),
  );
  return {
    trees,
    isProxmox: (await view.list('/etc/pve')).length > 0,
    isUnivention: await view.isFile('/etc/univention/base.conf'),
    modules: (await namesOfFiles(view, '/root/scripts/backup-modules'))
      .filter((name) => /^[A-Za-z0-9_][\w-]*\.sh$/.test(name))
      .map((name) => name.slice(0, -3)),
    // run-parts(8) takes no other names.
    runParts: (await namesOfFiles(view, '/etc/backup-scripts')).filter((name) => /^[A-Za-z0-9_-]+$/.test(name)),
  };
}

async function hasOwnFiles(view: HostView, path: string, real: string): Promise<boolean> {
  const usual = [...(USUAL[path] ?? []), 'lost+found'];
  const entries = await view.list(real);
  if (entries.some(({ name }) => !usual.includes(name))) return true;
  for (const { name } of entries.filter((entry) => usual.includes(entry.name) && entry.isDirectory())) {
    if (await hasMore(view, path, name)) return true;
  }
  return false;
}

/** Whether something was added to a directory that every machine has. */
async function hasMore(view: HostView, path: string, name: string): Promise<boolean> {
  const entries = await view.list(`${path}/${name}`);
  if (path === '/var/www') return entries.some((entry) => !/^index[\w.-]*\.html$/.test(entry.name));
  if (path !== '/usr/local') return false;
  return entries.some((entry) => entry.isFile());
}

async function namesOfFiles(view: HostView, directory: string): Promise<readonly string[]> {
  return (await view.list(directory)).filter((entry) => !entry.isDirectory()).map(({ name }) => name);
}

async function sizeOf(view: HostView, path: string): Promise<number | undefined> {
  try {
    // 1: a file went away, or may not be read.
    const { stdout } = await view.exec('du', ['-skx', '--', view.at(path)], {
      timeoutMs: COUNT_TIMEOUT_MS,
      accept: [0, 1],
    });
    const kibibytes = /^(\d+)\s/.exec(stdout)?.[1];
    return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
  } catch {
    view.signal.throwIfAborted();
    return undefined;
  }
}
