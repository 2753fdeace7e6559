// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bytePathOf } from '@local-backup/common/byte-path';
import { type Entry, formatEntry } from '@local-backup/common/entry';
import { createEntryComparison } from '@local-backup/common/entry-comparison';
import { createEntryListWriter, readEntryLines, readEntryList } from '@local-backup/common/entry-list';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

let directory = '';
let file = '';
let count = 0;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'entry-list-'));
});

beforeEach(() => {
  count += 1;
  file = join(directory, `${count}.entries.gz`);
});

afterAll(() => rmSync(directory, { recursive: true }));

const ENTRIES: readonly Entry[] = Array.from({ length: 20_000 }, (_, index) => ({
  path: bytePathOf(Buffer.from(`dir/${index}-\xff\n"ü`, index % 2 === 0 ? 'latin1' : 'utf8')),
  type: 'file',
  mode: 0o644,
  uid: 0,
  gid: index,
  size: index,
  mtimeNs: BigInt(index) * -1_000_000_007n,
  sha256: createHash('sha256').update(String(index)).digest('hex'),
}));

async function write(entries: readonly Entry[] = ENTRIES) {
  const writer = await createEntryListWriter(file);
  for (const entry of entries) if (!writer.add(entry)) await writer.ready();
  return writer.finish();
}

async function readAll(most = ENTRIES.length): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const batch of readEntryList(file, { entries: most })) all.push(...batch);
  return all;
}

describe('an entry list', () => {
  it('brings back every entry, and knows what it has written', async () => {
    const written = await write();
    const bytes = readFileSync(file);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(written).toEqual({ bytes: bytes.length, sha256, entries: ENTRIES.length });
    expect(await readAll()).toEqual(ENTRIES);
  });

  it('may be empty', async () => {
    await write([]);
    expect(await readAll()).toEqual([]);
  });

  it('is removed when it is given up', async () => {
    const writer = await createEntryListWriter(file);
    await writer.abort();
    expect(() => readFileSync(file)).toThrow('ENOENT');
  });

  const line = ENTRIES.slice(0, 1).map(formatEntry).join('');
  it.each<[string, string, string]>([
    ['text that is not JSON', `${line}\nhello\n`, 'line 2: it is not JSON'],
    ['an unknown key', `${line}\n${line.replace('{', '{"x":1,')}\n`, 'line 2: '],
    ['a missing end', `${line}\n${line}`, 'line 2: it does not end in a newline'],
    ['an endless line', `${line}\n${'x'.repeat(10_000_000)}`, 'line 2: it is longer'],
    ['a long line', `${line}\n${line}\n${'x'.repeat(70_000)}\n`, 'line 3: it is longer'],
    ['too many entries', `${line}\n${line}\n${line}\n${line}\n`, 'more than 3 entries'],
    ['an empty line', `${line}\n\n`, 'line 2: it is not JSON'],
  ])('is refused with %s', async (_, text, message) => {
    writeFileSync(file, gzipSync(text));
    await expect(readAll(3)).rejects.toMatchObject({ code: 'untrusted', message: expect.stringContaining(message) });
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['cut', (bytes) => bytes.subarray(0, -20)],
    ['followed by something', (bytes) => Buffer.concat([bytes, Buffer.from('x')])],
    ['not gzip', () => Buffer.from('hello')],
  ])('is refused when it is %s', async (_, change) => {
    await write();
    writeFileSync(file, change(readFileSync(file)));
    await expect(readAll()).rejects.toMatchObject({ code: 'untrusted' });
  });
});

describe('createEntryComparison', () => {
  const compare = async (members: readonly Entry[]) => {
    await write();
    const comparison = createEntryComparison(readEntryLines(file, { entries: ENTRIES.length }));
    await comparison.take(members.slice(0, 7000));
    await comparison.take(members.slice(7000));
    await comparison.end();
  };
  const changed = (at: number, changes: Partial<Entry>) =>
    ENTRIES.map((entry, index) => (index === at ? { ...entry, ...changes } : entry));

  it('finds no difference where there is none', () => compare(ENTRIES));

  it.each<[string, readonly Entry[], string]>([
    ['a changed mode', changed(7000, { mode: 0o4755 }), 'has mode 2541 in the archive and 420 in the list'],
    ['another hash', changed(1, { sha256: '0'.repeat(64) }), 'has sha256 0000'],
    ['another path', changed(6999, { path: bytePathOf(Buffer.from('evil\x1b')) }), 'the archive has evil\\x1b where'],
    ['a missing member', ENTRIES.slice(1), 'where the list has'],
    ['a missing last member', ENTRIES.slice(0, -1), 'the list goes on with'],
    ['one more member', [...ENTRIES, ...ENTRIES.slice(0, 1)], 'is in the archive, but not in the list'],
  ])('names %s', async (_, members, message) => {
    await expect(compare(members)).rejects.toMatchObject({
      code: 'untrusted',
      message: expect.stringContaining(message),
    });
  });
});
