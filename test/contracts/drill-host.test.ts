// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createRun } from '@local-backup/common/exec';
import type { HostRecord } from '@local-backup/common/run-record';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDrillDirectory } from '../../packages/server/src/drill/drill-directory.ts';
import { type DrillIo, drillHost } from '../../packages/server/src/drill/drill-host.ts';
import { attemptHost } from '../../packages/server/src/host-attempt.ts';
import { createResticHistory } from '../../packages/server/src/stores/restic/history/index.ts';
import { copyingFrom } from '../helpers/copying-history.ts';
import { flipByte } from '../helpers/listed-tree.ts';
import { forgeRepository } from '../helpers/restic-forge.ts';
import { createResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { seedTree } from '../helpers/seed-snapshot.ts';
import { silentLog } from '../helpers/silent-log.ts';

const STAMP = '20261121_030000';
const TIME = '2026-11-21T04:00:00.000Z';
const FILES = {
  'files/etc/hosts': '127.0.0.1 localhost\n',
  'files/etc/settings.json': '{ "a": 1 } // with a comment\n',
  'mysql/shop/shop.sql': '-- MariaDB dump 10.19\nINSERT;\n-- Dump completed on 2026-11-21\n',
  'files/home/photo': Buffer.alloc(300_000, 'x'),
};
const run = createRun({ scrub: (text) => text });

let base: string;
let live: string;
let drills: string;
beforeEach(async () => {
  base = fs.mkdtempSync(join(tmpdir(), 'drill-host-'));
  live = join(base, 'live');
  drills = join(base, 'drills');
  fs.mkdirSync(drills, { mode: 0o700 });
  await seed(FILES);
});
afterEach(() => fs.rmSync(base, { recursive: true, force: true }));

const seed = (files: Readonly<Record<string, string | Buffer>>) =>
  seedTree({ directory: live, host: 'web1', stamp: STAMP, files });

const copying = copyingFrom(() => live);

async function drill(changed: Partial<DrillIo> = {}): Promise<HostRecord> {
  const controller = new AbortController();
  const directory = await openDrillDirectory(drills, { create: false, run, log: silentLog });
  const io = (signal: AbortSignal): DrillIo => ({
    host: { hostname: 'web1', maxEntries: 1000 },
    store: {
      check: async () => undefined,
      snapshots: async () => [{ id: 'ab12cd34ef567890', time: TIME, tags: ['web1', STAMP] }],
    },
    history: copying,
    marker: { read: async () => [] },
    directory,
    freeBytes: async () => 1024 ** 4,
    ...{ maxBytes: 1024 ** 3, olderShare: 0, chance: () => 0.5, contentMs: 60_000, services: undefined, run, signal },
    ...changed,
  });
  const words = { begin: '', failed: '' };
  const plan = {
    hostTimeLimitMs: undefined,
    log: silentLog,
    now: () => new Date(TIME),
    signal: controller.signal,
    words,
  };
  const record = await attemptHost('web1', plan, (_, signal, progress) => drillHost(io(signal), progress));
  expect(fs.readdirSync(drills)).toEqual([]);
  return record;
}

const messages = (record: HostRecord, status: string) =>
  record.steps.filter((step) => step.status === status).flatMap(({ message }) => message ?? []);

test('a snapshot that is as it was saved is proven, and nothing is left', async () => {
  const record = await drill();
  expect(messages(record, 'failed')).toEqual([]);
  expect(record.status).toBe('success');
  expect(record.drill).toMatchObject({ snapshot: 'ab12cd34ef567890', taken: TIME, entries: 9 });
  expect(record.drill?.services).toBeUndefined();
  expect(messages(record, 'success').at(-1)).toMatch(/^293.1 KiB in .+, 4 files compared$/);
});

describe('fails when', () => {
  test.each<[string, () => void | Promise<void>, RegExp]>([
    [
      'one byte was changed before it was stored',
      () => flipByte(join(live, 'mysql/shop/shop.sql'), 25),
      /1 of 9 entries differ:\nmysql\/shop\/shop.sql: its content/,
    ],
    [
      'there is no file in it that could be compared',
      () => seed({}),
      /There is no file in what was restored, so nothing was proven/,
    ],
    [
      'another program has made it',
      () => fs.rmSync(join(live, '.backup'), { recursive: true }),
      /it has no \.backup \(did another program make it\?\)/,
    ],
    ['a file is missing', () => fs.rmSync(join(live, 'files/etc/hosts')), /files\/etc\/hosts: is missing/],
    [
      'something is in there that was not saved',
      () => fs.writeFileSync(join(live, 'extra'), ''),
      /extra: is not in the entry list/,
    ],
    [
      'the entry list is another one',
      () => flipByte(join(live, '.backup/entries.gz'), 30),
      /its entry list is not the one that its manifest names/,
    ],
    [
      'the entry list is missing',
      () => fs.rmSync(join(live, '.backup/entries.gz')),
      /\.backup\/entries\.gz is missing/,
    ],
    [
      'the proof is a link to elsewhere',
      () => {
        fs.renameSync(join(live, '.backup'), join(base, 'b'));
        fs.symlinkSync(join(base, 'b'), join(live, '.backup'));
      },
      /is not what it should be/,
    ],
    [
      'it is the tree of another archive',
      () => seedTree({ directory: live, host: 'web1', stamp: '20261120_030000', files: FILES }),
      /not the archive of this snapshot/,
    ],
    [
      'it is the tree of another host',
      () => seedTree({ directory: live, host: 'web2', stamp: STAMP, files: FILES }),
      /made of web2-/,
    ],
  ])('%s', async (_, tamper, message) => {
    await tamper();
    const record = await drill();
    expect(record.status).toBe('failed');
    expect(messages(record, 'failed').join('\n')).toMatch(message);
    expect(record.drill).toBeUndefined();
  });

  test('the store cannot restore it', async () => {
    const broken = { restore: async () => Promise.reject(new Error('broken pack')) };
    expect(messages(await drill({ history: broken }), 'failed')[0]).toMatch(/broken pack/);
  });
});

describe('of a snapshot that is too large', () => {
  test('services are chosen at random, and compared alone', async () => {
    const record = await drill({ maxBytes: 200 });
    expect(record.status).toBe('warning');
    expect(messages(record, 'warning')).toEqual([
      'never proven by drills as they are: files/home (293 KiB), larger than drill.max_bytes (200 B) or than the room in ' +
        'drill.directory. Raise it, or give a larger disk.',
    ]);
    expect(record.drill?.services?.slice().sort()).toEqual(['files/etc', 'mysql/shop']);
    expect(record.drill?.entries).toBe(5);
    expect(messages(record, 'success').join('\n')).toMatch(
      /only .* the snapshot has more than 200 B \(drill.max_bytes\)/,
    );
  });

  test('a difference in what was restored is found', async () => {
    flipByte(join(live, 'mysql/shop/shop.sql'), 25);
    expect((await drill({ maxBytes: 200 })).status).toBe('failed');
  });

  test('what comes back beside it is found', async () => {
    const tooMuch: DrillIo['history'] = {
      async restore(request, signal) {
        await copying.restore(request, signal);
        const extra = join(request.target, 'files/etc/extra');
        if (request.include.includes('files/etc')) fs.writeFileSync(extra, '');
      },
    };
    const record = await drill({ maxBytes: 200, history: tooMuch });
    expect(messages(record, 'failed').join('\n')).toMatch(/files\/etc\/extra: is not in the entry list/);
  });

  test('for the disk, as much as fits is restored, with a warning', async () => {
    const record = await drill({ freeBytes: async () => 64 * 1024 * 1024 + 100_000 });
    expect(record.status).toBe('warning');
    expect(record.drill?.services).not.toContain('files/home');
    expect(messages(record, 'warning')[0]).toMatch(/the rest does not fit/);
  });

  test('a host of which nothing fits is skipped, with the numbers', async () => {
    const record = await drill({ freeBytes: async () => 64 * 1024 * 1024 + 5_000 });
    expect([record.status, record.skipped, record.drill]).toEqual(['warning', 'SKIPPED_NO_SPACE', undefined]);
    expect(messages(record, 'skipped')[0]).toBe(
      'even the smallest service of the snapshot takes 8.1 KiB, and drill.directory has room for 4.9 KiB',
    );
  });
});

test('contents that would not load are warnings, each with its file', async () => {
  execFileSync('sqlite3', [join(base, 'db'), 'CREATE TABLE t(x); INSERT INTO t SELECT hex(zeroblob(9000));']);
  const database = fs.readFileSync(join(base, 'db'));
  const archive = execFileSync('tar', ['-c', '-C', live, '.']);
  const sql = '-- PostgreSQL database dump\nCOPY;\n';
  await seed({
    ...FILES,
    'db/good/good.db': database,
    'db/good/good.tar.gz': gzipSync(archive),
    'db/good/good.sql.gz': gzipSync(`${sql}-- PostgreSQL database dump complete\n`),
    'db/good/chart.yaml': 'a: {{ .Values.a }}\n',
    'db/bad/cut.db': database.subarray(0, 9000),
    'db/bad/cut.tar': archive.subarray(0, 200_000),
    'db/bad/cut.tgz': gzipSync(archive.subarray(0, 200_000)),
    'db/bad/cut.sql.gz': gzipSync(sql),
    'db/bad/cut.gz': gzipSync(archive).subarray(0, 900),
    'db/bad/empty.sql.gz': '',
    'db/bad/broken.json': '{ "a": ',
    'db/bad/broken.yml': 'a: [1\nb: 2\n',
  });
  const record = await drill();
  expect(record.status).toBe('warning');
  expect(record.drill?.entries).toBeGreaterThan(20);
  const warnings = messages(record, 'warning').sort();
  expect(warnings.map((text) => text.split(' ')[0])).toEqual(
    ['broken.json', 'broken.yml', 'cut.db', 'cut.gz', 'cut.sql.gz', 'cut.tar', 'cut.tgz', 'empty.sql.gz'].map(
      (name) => `db/bad/${name}`,
    ),
  );
  expect(warnings[0]).toMatch(/broken.json is no JSON/);
  expect(warnings[2]).toMatch(/cut.db would not load: SQLite: .*malformed/);
  expect(warnings[4]).toMatch(/would not load: the dump was cut/);
});

test.each(RESTIC_SERIES)('restic %s restores the proof and whole services as they were', async (series) => {
  const lab = await createResticLab(series);
  try {
    const { signal } = new AbortController();
    const store = lab.store('web1');
    await forgeRepository(lab, 'web1');
    await store.save({ directory: live, stamp: STAMP, dryRun: false }, signal);
    const history = createResticHistory(lab.options('web1'), { run, log: silentLog });
    const part = await drill({ store, history, maxBytes: 200 });
    expect([part.drill?.entries, messages(part, 'failed')]).toEqual([5, []]);
  } finally {
    lab.remove();
  }
});
