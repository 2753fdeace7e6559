// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FetchOptions, Remote } from '../../packages/server/src/remotes/remote.ts';

/** A spool that a remote looks into, and a way to change it behind the remote's back. */
export interface SpoolUnderTest {
  readonly remote: Remote;
  put(name: string, content: Buffer | string, mtime?: number): void | Promise<void>;
  mkdir(name: string): void | Promise<void>;
  symlink(name: string): void | Promise<void>;
  get(name: string): Buffer | undefined | Promise<Buffer | undefined>;
  end(): Promise<void>;
}

/** What every remote promises (packages/server/src/remotes/remote.ts). */
export function remoteContract(name: string, makeSpool: () => Promise<SpoolUnderTest>): void {
  describe(`remote contract: ${name}`, () => {
    let spool: SpoolUnderTest;
    let remote: Remote;
    beforeEach(async () => {
      spool = await makeSpool();
      remote = spool.remote;
    });
    afterEach(async () => {
      await remote.close();
      await spool.end();
    });

    test('list names every entry with type, size and mtime', async () => {
      await spool.put('web1-20261121_030000.tar.gz', 'archive', 1_700_000_000);
      await spool.put('.hidden.partial', '');
      await spool.mkdir('done');
      await spool.symlink('link');
      const files = [...(await remote.list())].sort((a, b) => (a.name < b.name ? -1 : 1));
      expect(files.map((file) => [file.name, file.type])).toEqual([
        ['.hidden.partial', 'file'],
        ['done', 'directory'],
        ['link', 'other'],
        ['web1-20261121_030000.tar.gz', 'file'],
      ]);
      expect(files[3]).toMatchObject({ size: 7, mtime: 1_700_000_000 });
    });

    test('list looks into a directory of the spool', async () => {
      await spool.mkdir('done');
      await spool.put('done/a', 'x');
      await spool.put('b', 'y');
      expect((await remote.list('done')).map((file) => file.name)).toEqual(['a']);
    });

    test('list rejects for a directory that is missing', async () => {
      await expect(remote.list('done')).rejects.toMatchObject({ name: 'BackupError', code: 'failed' });
    });

    test('stat describes a file, does not follow symlinks, and is undefined when there is none', async () => {
      await spool.mkdir('done');
      await spool.put('done/a', 'four', 1_700_000_001);
      await spool.symlink('link');
      expect(await remote.stat('done/a')).toEqual({ name: 'done/a', type: 'file', size: 4, mtime: 1_700_000_001 });
      expect((await remote.stat('link'))?.type).toBe('other');
      expect(await remote.stat('missing')).toBeUndefined();
      expect(await remote.stat('missing/too')).toBeUndefined();
    });

    test('fetch hands over all bytes in order and resolves with the size', async () => {
      const content = randomBytes(1_500_001);
      await spool.put('a', content);
      const fetched = await collect(remote, 'a');
      expect(fetched.size).toBe(content.length);
      expect(fetched.data.equals(content)).toBe(true);
    });

    test('fetch starts at an offset, also at the very end', async () => {
      const content = randomBytes(700_000);
      await spool.put('a', content);
      expect((await collect(remote, 'a', { offset: 600_001 })).data.equals(content.subarray(600_001))).toBe(true);
      expect(await collect(remote, 'a', { offset: 700_000 })).toEqual({ size: 700_000, data: Buffer.alloc(0) });
    });

    test('fetch rejects when the file is shorter than the offset', async () => {
      await spool.put('a', 'short');
      await expect(collect(remote, 'a', { offset: 6 })).rejects.toMatchObject({ code: 'failed' });
    });

    test('fetch hands over no byte beyond maxBytes and still tells the size', async () => {
      const content = randomBytes(300_000);
      await spool.put('a', content);
      const fetched = await collect(remote, 'a', { offset: 10, maxBytes: 100_000 });
      expect(fetched.size).toBe(300_000);
      expect(fetched.data.equals(content.subarray(10, 100_000))).toBe(true);
    });

    test('fetch waits for onData before it hands over the next piece', async () => {
      await spool.put('a', randomBytes(1_000_000));
      let busy = 0;
      let calls = 0;
      await remote.fetch('a', {
        ...anyRate,
        onData: async () => {
          calls++;
          expect(++busy).toBe(1);
          await new Promise((resolve) => setImmediate(resolve));
          busy--;
        },
      });
      expect(calls).toBeGreaterThan(1);
    });

    test('fetch rejects with what onData throws, and the remote stays usable', async () => {
      await spool.put('a', randomBytes(1_000_000));
      const onData = () => Promise.reject(new Error('disk full'));
      await expect(remote.fetch('a', { ...anyRate, onData })).rejects.toThrow('disk full');
      expect(await remote.stat('a')).toBeDefined();
    });

    test('fetch and read refuse what is missing or no file', async () => {
      await spool.mkdir('directory');
      await expect(collect(remote, 'missing')).rejects.toMatchObject({ code: 'failed' });
      await expect(remote.read('missing', 10)).rejects.toMatchObject({ code: 'failed' });
      await expect(collect(remote, 'directory')).rejects.toMatchObject({ name: 'BackupError' });
    });

    test('read returns a small file whole and refuses one that is larger than allowed', async () => {
      await spool.put('manifest.json', '{"format":1}');
      await spool.put('empty', '');
      expect((await remote.read('manifest.json', 12)).toString()).toBe('{"format":1}');
      expect(await remote.read('empty', 0)).toHaveLength(0);
      await expect(remote.read('manifest.json', 11)).rejects.toMatchObject({ code: 'untrusted' });
    });

    test('rename replaces the target and creates its directory', async () => {
      await spool.put('a', 'new');
      await remote.rename('a', 'done/a');
      expect((await spool.get('done/a'))?.toString()).toBe('new');
      expect(await spool.get('a')).toBeUndefined();
      await spool.put('a', 'newer');
      await remote.rename('a', 'done/a');
      expect((await spool.get('done/a'))?.toString()).toBe('newer');
    });

    test('rename rejects when the source is missing', async () => {
      await expect(remote.rename('missing', 'b')).rejects.toMatchObject({ code: 'failed' });
    });

    test('remove takes a file away, and a missing one is fine', async () => {
      await spool.put('a', 'x');
      await remote.remove('a');
      expect(await spool.get('a')).toBeUndefined();
      await remote.remove('a');
    });

    test('mark creates an empty file and leaves a present one alone', async () => {
      await remote.mark('want-full');
      expect(await spool.get('want-full')).toHaveLength(0);
      await spool.put('want-full', 'kept');
      await remote.mark('want-full');
      expect((await spool.get('want-full'))?.toString()).toBe('kept');
    });

    test('upload writes a file whole, with its directory, and replaces what has the name', async () => {
      const content = randomBytes(1_500_001);
      expect(await remote.upload('restore/a.tar', inPieces(content, 70_001), anyRate)).toBe(content.length);
      expect((await spool.get('restore/a.tar'))?.equals(content)).toBe(true);
      expect(await remote.upload('restore/a.tar', inPieces(Buffer.from('short'), 2), anyRate)).toBe(5);
      expect((await spool.get('restore/a.tar'))?.toString()).toBe('short');
      expect(await remote.upload('empty', inPieces(Buffer.alloc(0), 1), anyRate)).toBe(0);
      expect(await spool.get('empty')).toHaveLength(0);
    });

    test('upload leaves what was there when the content ends in an error, and nothing else', async () => {
      await spool.mkdir('restore');
      await spool.put('restore/a.tar', 'before');
      const content = async function* () {
        yield randomBytes(300_000);
        throw new Error('tar failed');
      };
      await expect(remote.upload('restore/a.tar', content(), anyRate)).rejects.toThrow('tar failed');
      expect((await spool.get('restore/a.tar'))?.toString()).toBe('before');
      expect((await remote.list('restore')).map((file) => file.name)).toEqual(['a.tar']);
    });

    test('upload goes into no directory that is something else', async () => {
      await spool.symlink('restore');
      const upload = remote.upload('restore/a.tar', inPieces(Buffer.from('x'), 1), anyRate);
      await expect(upload).rejects.toMatchObject({ code: 'untrusted' });
    });

    test.each(['../outside', '/etc/passwd', 'done/../../x', '..', '.', '', 'a\0b', 'a//b', 'a\nb', 'a\\b'])(
      'the name %j is refused everywhere',
      async (bad) => {
        await spool.put('a', 'x');
        for (const attempt of [
          () => remote.stat(bad),
          () => remote.list(bad),
          () => remote.read(bad, 10),
          () => collect(remote, bad),
          () => remote.rename(bad, 'b'),
          () => remote.rename('a', bad),
          () => remote.remove(bad),
          () => remote.mark(bad),
          () => remote.upload(bad, inPieces(Buffer.from('x'), 1), anyRate),
        ]) {
          await expect(attempt()).rejects.toMatchObject({ code: 'untrusted' });
        }
      },
    );

    test('close can be called twice, and nothing works afterwards', async () => {
      await remote.close();
      await remote.close();
      await expect(remote.stat('a')).rejects.toMatchObject({ code: 'failed' });
    });
  });
}

const anyRate = { offset: 0, maxBytes: Number.MAX_SAFE_INTEGER, minimumRate: 1 };

async function* inPieces(content: Buffer, size: number): AsyncGenerator<Buffer, void, void> {
  for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
}

/** Fetches into memory. */
export async function collect(remote: Remote, name: string, options: Partial<FetchOptions> = {}) {
  const pieces: Buffer[] = [];
  const size = await remote.fetch(name, { ...anyRate, ...options, onData: (data) => void pieces.push(data) });
  return { size, data: Buffer.concat(pieces) };
}
