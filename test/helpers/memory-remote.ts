// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { FetchOptions, Remote, RemoteFile } from '../../packages/server/src/remotes/remote.ts';
import { parentsOf, spoolPath } from '../../packages/server/src/remotes/sftp/names.ts';

/** A spool in memory, seen from the client's side, and the remotes that look into it. */
export interface MemorySpool {
  put(name: string, content: Buffer | string, mtime?: number): void;
  mkdir(name: string, mtime?: number): void;
  symlink(name: string): void;
  get(name: string): Buffer | undefined;
  /** Names of everything there, sorted. */
  names(): string[];
  /** The link is lost once, after so many more bytes were fetched; later `connect` calls work again. */
  cutAfter(bytes: number): void;
  connect(): Remote;
}

interface Item {
  readonly type: RemoteFile['type'];
  readonly content: Buffer;
  readonly mtime: number;
}

const PIECE_BYTES = 64 * 1024;

export function createMemorySpool(now = () => Math.floor(Date.now() / 1000)): MemorySpool {
  const items = new Map<string, Item>();
  const link = { cutAt: Number.POSITIVE_INFINITY, fetched: 0 };
  const put = (name: string, item: Partial<Item>) =>
    items.set(checked(name), { type: 'file', content: Buffer.alloc(0), mtime: now(), ...item });
  return {
    put: (name, content, mtime = now()) => void put(name, { content: Buffer.from(content), mtime }),
    mkdir: (name, mtime = now()) => void put(name, { type: 'directory', mtime }),
    symlink: (name) => void put(name, { type: 'other' }),
    get: (name) => items.get(name)?.content,
    names: () => [...items.keys()].sort(),
    cutAfter: (bytes) => {
      link.cutAt = link.fetched + bytes;
    },
    connect: () => createRemote(items, link, put),
  };
}

type Put = (name: string, item: Partial<Item>) => void;

function createRemote(items: Map<string, Item>, link: { cutAt: number; fetched: number }, put: Put): Remote {
  let lost = false;
  const assertLinked = () => {
    if (lost) throw new BackupError('failed', 'Lost the connection to the memory spool.');
  };
  const file = (name: string) => {
    const item = items.get(checked(name));
    if (item === undefined) throw new BackupError('failed', `cannot open ${name}: No such file`);
    if (item.type !== 'file') throw new BackupError('untrusted', `${name} is not a plain file.`);
    return item.content;
  };
  const deliver = async (content: Buffer, options: FetchOptions) => {
    const end = Math.min(content.length, options.maxBytes);
    for (let at = options.offset; at < end; at += PIECE_BYTES) {
      const piece = content.subarray(at, Math.min(end, at + PIECE_BYTES));
      link.fetched += piece.length;
      if (link.fetched > link.cutAt) {
        link.cutAt = Number.POSITIVE_INFINITY;
        lost = true;
      }
      assertLinked();
      await options.onData(Buffer.from(piece));
    }
  };
  const act = async <T>(work: () => T | Promise<T>) => {
    assertLinked();
    return work();
  };
  return {
    list: (directory) => act(() => listed(items, directory)),
    stat: (name) => act(() => describe(name, items.get(checked(name)))),
    fetch: (name, options) =>
      act(async () => {
        const content = file(name);
        if (options.offset > content.length)
          throw new BackupError('failed', `${name} is shorter than what was fetched before.`);
        await deliver(content, options);
        return content.length;
      }),
    read: (name, maxBytes) =>
      act(() => {
        const content = file(name);
        if (content.length > maxBytes) throw new BackupError('untrusted', `${name} is larger than ${maxBytes} bytes.`);
        return Buffer.from(content);
      }),
    rename: (from, to) =>
      act(() => {
        const item = items.get(checked(from));
        checked(to);
        if (item === undefined) throw new BackupError('failed', `cannot rename ${from} to ${to}: No such file`);
        for (const parent of parentsOf(to)) if (!items.has(parent)) put(parent, { type: 'directory' });
        items.delete(from);
        items.set(to, item);
      }),
    remove: (name) => act(() => void items.delete(checked(name))),
    mark: (name) => act(() => void (items.has(checked(name)) || put(name, {}))),
    upload: (name, content) => act(() => receive(items, put, { name, content })),
    close: async () => {
      lost = true;
    },
  };
}

async function receive(
  items: Map<string, Item>,
  put: Put,
  { name, content }: { readonly name: string; readonly content: AsyncIterable<Uint8Array> },
): Promise<number> {
  checked(name);
  for (const parent of parentsOf(name)) {
    const { type } = items.get(parent) ?? {};
    if (type === undefined) put(parent, { type: 'directory' });
    else if (type !== 'directory') throw new BackupError('untrusted', `${parent} is no directory.`);
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of content) pieces.push(Buffer.from(piece));
  const whole = Buffer.concat(pieces);
  put(name, { content: whole });
  return whole.length;
}

/** The same names are refused as by SFTP. */
function checked(name: string): string {
  spoolPath('/', name);
  return name;
}

function listed(items: Map<string, Item>, directory: string | undefined): RemoteFile[] {
  const prefix = directory === undefined ? '' : `${checked(directory)}/`;
  if (directory !== undefined && items.get(directory)?.type !== 'directory') {
    throw new BackupError('failed', `cannot list ${directory}: No such file`);
  }
  return [...items]
    .filter(([name]) => name.startsWith(prefix) && !name.slice(prefix.length).includes('/'))
    .map(([name, item]) => describe(name.slice(prefix.length), item) as RemoteFile);
}

function describe(name: string, item: Item | undefined): RemoteFile | undefined {
  return item && { name, type: item.type, size: item.content.length, mtime: item.mtime };
}
