// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Entry } from '@local-backup/common/entry';
import { readEntryLines } from '@local-backup/common/entry-list';
import { afterAll, describe, expect, test } from 'vitest';
import { type JudgeRequest, judgeArchive } from '../../packages/server/src/sources/archive/judge.ts';
import { HOSTILE_ARCHIVES, harmlessArchive } from '../helpers/hostile-archives.ts';
import { makeArchive } from '../helpers/make-archive.ts';
import { gzArchive, type Member, member } from '../helpers/tar-builder.ts';

const work = mkdtempSync(join(tmpdir(), 'judge-'));
const file = join(work, 'archive.tar.gz');
afterAll(() => rmSync(work, { recursive: true }));

const { signal } = new AbortController();

/** Bounds that the bombs are made for. */
const MOST = { entries: 50_000, bytes: 8 * 1024 * 1024 };

const CALM = { most: MOST, key: Buffer.alloc(16, 7), signal };

function judge(bytes: Buffer, change: Partial<JudgeRequest> = {}) {
  writeFileSync(file, bytes);
  return judgeArchive({ file, list: undefined, promised: undefined, ...CALM, ...change });
}

test('a harmless archive passes, with its totals', async () => {
  expect(await judge(harmlessArchive())).toMatchObject({ totals: { files: 1, entries: 6, bytes: 12 } });
});

describe('refuses the hostile archive:', () => {
  test.each(HOSTILE_ARCHIVES.map(({ name, bytes }) => [name, bytes] as const))('%s', async (_, bytes) => {
    await expect(judge(bytes())).rejects.toMatchObject({ name: 'BackupError', code: 'untrusted' });
  });
});

test('each message says what is wrong with which member', async () => {
  const hostile = (name: string) => HOSTILE_ARCHIVES.find((one) => one.name === name)?.bytes() ?? Buffer.alloc(0);
  await expect(judge(hostile('path with ..'))).rejects.toThrow(
    'web/shop/../../../tmp/hostile-archive-was-here has ".." in it',
  );
  await expect(judge(hostile('file through absolute symlink'))).rejects.toThrow(
    /out\/hostile-archive-was-here is beneath a symlink/,
  );
  await expect(judge(hostile('character device'))).rejects.toThrow('web/shop/null is a character device');
});

const TOP: Member = { name: 'web/', type: '5' };

test('a hard link to a symlink is as harmless as the symlink, but nothing can be beneath it', async () => {
  const links: Member[] = [
    TOP,
    { name: 'web/s', type: '2', link: '/etc' },
    { name: 'web/h', type: '1', link: 'web/s' },
  ];
  await judge(gzArchive(...links));
  await expect(judge(gzArchive(...links, { name: 'web/h/x' }))).rejects.toThrow(/beneath a symlink/);
});

test("more than promised is refused before the host's own bounds are reached", async () => {
  const promised = { files: 1, entries: 6, bytes: 12 };
  await judge(harmlessArchive(), { promised });
  await expect(judge(harmlessArchive(), { promised: { ...promised, entries: 5 } })).rejects.toThrow(/5 members/);
  await expect(judge(harmlessArchive(), { promised: { ...promised, bytes: 11 } })).rejects.toThrow(/11 bytes/);
});

test('less than promised is refused', async () => {
  const promised = { files: 2, entries: 7, bytes: 13 };
  await expect(judge(harmlessArchive(), { promised })).rejects.toThrow(
    'does not hold what its manifest promises: 1 files instead of 2, 6 entries instead of 7, 12 bytes instead of 13',
  );
});

test('a gigabyte that came out of a megabyte is a bomb even where a gigabyte is allowed', async () => {
  const body = gzipSync(Buffer.alloc(64 * 1024 ** 2));
  const head = gzipSync(member({ name: 'zeros', size: 1100 * 1024 ** 2 }));
  const bomb = Buffer.concat([head, ...Array<Buffer>(18).fill(body)]);
  await expect(judge(bomb, { most: { entries: 10, bytes: 2 * 1024 ** 3 } })).rejects.toThrow(/decompression bomb/);
});

describe('with an entry list', () => {
  const source = join(work, 'source');
  const published = async (stamp: string, content: string) => {
    rmSync(source, { recursive: true, force: true });
    mkdirSync(join(source, 'web/d'), { recursive: true });
    writeFileSync(join(source, 'web/d/a'), content);
    const { name, manifest } = await makeArchive({ spool: work, source, hostname: 'web1', stamp });
    return { file: join(work, name), list: join(work, manifest.entryList.name), promised: manifest.totals };
  };
  const judgeWith = (archive: Pick<JudgeRequest, 'file' | 'promised'>, list: string) =>
    judgeArchive({ ...archive, list: readEntryLines(list, MOST), ...CALM });

  test('the archive that it was made of passes; one with the same sizes and another content does not', async () => {
    const first = await published('20261120_030000', 'one');
    await judgeWith(first, first.list);
    const second = await published('20261121_030000', 'two');
    await expect(judgeWith(second, first.list)).rejects.toThrow(/do not fit together/);
  });

  test('a list that goes on behind the end of the archive is refused', async () => {
    const { file: archive, list, promised } = await published('20261120_030000', 'one');
    const longer = (async function* () {
      yield* readEntryLines(list, MOST);
      yield ['{"path":"web/d/b"}'];
    })();
    await expect(judgeArchive({ file: archive, list: longer, promised, ...CALM })).rejects.toThrow(
      /do not fit together/,
    );
  });

  test('members are handed on in order and with their hashes', async () => {
    const { file: archive, promised } = await published('20261120_030000', 'one');
    const seen: Entry[] = [];
    const onEntries = async (entries: readonly Entry[]) => void seen.push(...entries);
    await judgeArchive({ file: archive, list: undefined, promised, ...CALM, onEntries });
    expect(seen.map(({ path }) => path)).toEqual(['web', 'web/d', 'web/d/a']);
    expect(seen[2]?.sha256).toMatch(/^7692c3ad3540bb80/);
  });
});
