// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin } from '../../packages/client/src/plugin.ts';
import type { Check, CopyContext } from '../../packages/client/src/plugin-copy.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';
import { BackupError } from '../../packages/common/src/errors.ts';
import { createClientLab } from '../helpers/client-lab.ts';

let lab: ReturnType<typeof createClientLab>;
/** What the task leaves in the stage: sizes by paths. */
let files: Record<string, number>;
/** What its `verify` says, and was given. */
let checks: readonly Check[] | Error;
let asked: CopyContext[];

beforeEach(() => {
  lab = createClientLab();
  files = { 'dump/shop.sql': 5000 };
  checks = [{ name: 'dump', status: 'ok', message: 'whole' }];
  asked = [];
});

afterEach(() => lab.remove());

const dump = definePlugin({
  ...{ name: 'dump', summary: 'Leaves files in the stage.', options: z.strictObject({}) },
  async run({ stage }) {
    for (const [path, size] of Object.entries(files)) {
      await mkdir(dirname(join(stage, path)), { recursive: true });
      await writeFile(join(stage, path), Buffer.alloc(size));
    }
    const tables = new Map([
      ['shop.orders', 3],
      ['shop.notes', undefined],
    ]);
    return { tables, facts: { engine: '1.0' } };
  },
  async verify(context) {
    asked.push(context);
    writeFileSync(join(context.scratch, 'x'), '');
    if (checks instanceof Error) throw checks;
    return checks;
  },
});

const other = definePlugin({
  ...{ name: 'other', summary: 'Leaves a file in the same stage.', options: z.strictObject({}) },
  async run({ stage }) {
    await mkdir(join(stage, 'other'));
    await writeFile(join(stage, 'other', 'large.bin'), Buffer.alloc(100_000));
    return {};
  },
});

const tree = definePlugin({
  ...{ name: 'tree', summary: 'Saves a tree.', options: z.strictObject({}) },
  run: async () => {
    const paths = [bytePathOfText(lab.at('data').slice(1))];
    return { trees: [{ into: 'data', root: '/', paths, exclude: [], oneFileSystem: false }] };
  },
  verify: async (context) => {
    asked.push(context);
    return [];
  },
});

/** The task's part of the manifest, after a run. */
async function run(yaml: string, key = 'dump') {
  lab.addService('db/shop', `service: {name: shop}\n${yaml}\n`);
  const { services, manifest } = await lab.run([dump, other, tree]);
  const task = services[0]?.tasks.find(({ plugin }) => plugin === key);
  return { status: task?.status, messages: task?.messages ?? [], service: services[0], manifest };
}

const expecting = (expect: string) => `dump: {expect: {${expect}}}`;

describe('what a task has left in the stage', () => {
  it('is as expected', async () => {
    const all =
      'min_bytes: 5000, max_age: 1h, must_contain: ["*.sql", /dump/shop.sql], tables: [orders], min_rows: {orders: 3}';
    expect(await run(expecting(all))).toMatchObject({ status: 'success', messages: [] });
  });

  it.each([
    [
      'min_bytes: 5001',
      /^expect: min_bytes: expected at least 4\.9 KiB \(5001 bytes\), but 4\.9 KiB \(5000 bytes\) were saved\. It is expected by \/.*\/service\.yaml:2:1\.$/,
    ],
    [
      'must_contain: ["*.sql", "*.dump"]',
      /^expect: must_contain: expected `\*\.dump`, but nothing that was saved matches/,
    ],
    ['tables: [shop.orders, customers]', /^expect: tables: expected the table customers, but it is not among/],
    ['min_rows: {orders: 4}', /^expect: min_rows: expected at least 4 rows in shop.orders, but there are 3\. It/],
    ['min_rows: {notes: 1}', /^expect: min_rows: .* but nobody counted them\. It/],
  ])('is not what was expected: %s', async (expectation, message) => {
    const { status, messages, service, manifest } = await run(expecting(expectation));
    expect({ status, messages }).toEqual({ status: 'failed', messages: [expect.stringMatching(message)] });
    expect(service?.status).toBe('failed');
    // What there is goes out nevertheless.
    expect(manifest?.status).toBe('failed');
    expect(lab.published()).toHaveLength(1);
  });

  it('is a warning where that was chosen', async () => {
    const { status, messages } = await run(expecting('min_bytes: 1G, must_contain: [x], on_miss: warn'));
    expect(status).toBe('warning');
    expect(messages).toHaveLength(2);
  });

  it('is measured for each task by itself', async () => {
    const yaml = `${expecting('min_bytes: 5001')}\nother: {expect: {min_bytes: 100000, must_contain: [large.bin]}}`;
    const { status, service } = await run(yaml);
    expect(status).toBe('failed');
    expect(service?.tasks.find(({ plugin }) => plugin === 'other')).toMatchObject({ status: 'success', messages: [] });
  });
});

describe('what a task has saved in place', () => {
  beforeEach(() => {
    mkdirSync(lab.at('data'));
    writeFileSync(lab.at('data', 'dump.sql'), 'x'.repeat(1000));
  });

  it('is as expected', async () => {
    const expectation = `min_bytes: 1000, max_age: 1h, must_contain: [${lab.at('data', 'dump.sql')}]`;
    expect(await run(`tree: {expect: {${expectation}}}`, 'tree')).toMatchObject({ status: 'success', messages: [] });
  });

  it('is too old: nobody writes the dump any more', async () => {
    const daysAgo = new Date(Date.now() - 3 * 86_400_000);
    utimesSync(lab.at('data', 'dump.sql'), daysAgo, daysAgo);
    const { status, messages } = await run('tree: {expect: {max_age: 1d}}', 'tree');
    expect(status).toBe('failed');
    expect(messages[0]).toMatch(
      /^expect: max_age: expected a file that was changed within 1d, but the newest .* 3d ago/,
    );
  });

  it('has no file at all', async () => {
    rmSync(lab.at('data', 'dump.sql'));
    const { messages } = await run('tree: {expect: {max_age: 1d}}', 'tree');
    expect(messages).toEqual([expect.stringContaining('but no file was saved')]);
  });
});

describe('max_shrink', () => {
  const yaml = expecting('max_shrink: 30%');
  const sizes = () => readdirSync(lab.at('state', 'sizes'));

  it('has nothing to compare with at first, which the manifest says', async () => {
    const { status, messages } = await run(yaml);
    expect(status).toBe('success');
    expect(messages).toEqual([expect.stringContaining('nothing to compare with yet')]);
    expect(sizes()).toEqual(['db+shop+dump.json']);
  });

  it('finds what has become too small, again and again until somebody says that it is meant to be so', async () => {
    await run(yaml);
    files = { 'dump/shop.sql': 3501 };
    expect(await run(yaml)).toMatchObject({ status: 'success', messages: [] });
    files = { 'dump/shop.sql': 2000 };
    for (const _ of [1, 2]) {
      const { status, messages } = await run(yaml);
      expect(status).toBe('failed');
      expect(messages).toEqual([
        expect.stringMatching(
          /^expect: max_shrink: expected at most 30% less than the 3\.4 KiB .* 42\.8% less\. .*remove /,
        ),
      ]);
    }
    rmSync(/remove (.*) once/.exec((await run(yaml)).messages[0] ?? '')?.[1] ?? '');
    expect((await run(yaml)).status).toBe('success');
  });

  it('remembers nothing of an archive that was not published', async () => {
    lab.addService('db/shop', `service: {name: shop}\n${yaml}\n`);
    const io = lab.ioWith([dump]);
    const { backup } = await import('../../packages/client/src/backup.ts');
    const { discoverServices } = await import('../../packages/client/src/discover.ts');
    const { services } = await discoverServices(lab.config.serviceDir, [dump]);
    const owner = { uid: -5, gid: -5 };
    await expect(backup(lab.config, services, [], { ...io, owner })).rejects.toThrow();
    expect(() => sizes()).toThrow('ENOENT');
  });

  it('fails where what was remembered cannot be read', async () => {
    await run(yaml);
    writeFileSync(lab.at('state', 'sizes', 'db+shop+dump.json'), '{');
    const { status, messages } = await run(yaml);
    expect(status).toBe('failed');
    expect(messages[0]).toContain('Cannot read');
  });
});

describe('a mistake in `expect`', () => {
  it.each([
    ['max_shrink: 130%', 'service.yaml:2:29: dump.expect.max_shrink: must be a percentage below 100'],
    ['min_byte: 1', 'service.yaml:2:17: dump.expect.min_byte: unknown key. Did you mean `min_bytes`?'],
    ['max_age: soon', 'service.yaml:2:26: dump.expect.max_age: must be a time'],
    ['on_miss: warn', 'service.yaml:2:16: dump.expect: holds no expectation'],
  ])('is found where it stands: %s', async (expectation, message) => {
    const { service } = await run(expecting(expectation));
    expect(service?.status).toBe('failed');
    expect(service?.messages[0]).toContain(message);
  });
});

describe('verify right after the dump', () => {
  it('is asked at level quick, about the stage, with the facts, and its scratch directory is removed', async () => {
    expect((await run('dump: {}')).status).toBe('success');
    expect(asked).toMatchObject([{ level: 'quick', facts: { engine: '1.0' } }]);
    const [{ copy = '', scratch = '' } = {}] = asked;
    expect(copy.endsWith('/db/shop')).toBe(true);
    expect(scratch.length).toBeLessThanOrEqual(60);
    expect(readdirSync(tmpdir())).not.toContain(scratch.split('/').at(-1));
  });

  it('a failed check is a failure of the task, one that could not be made is not', async () => {
    checks = [
      { name: 'dump/shop.sql', status: 'failed', message: 'ends in the middle of a row' },
      { name: 'rows', status: 'skipped', message: 'needs a server' },
    ];
    const { status, messages } = await run('dump: {}');
    expect({ status, messages }).toEqual({
      status: 'failed',
      messages: ['verify: dump/shop.sql: ends in the middle of a row'],
    });
    checks = checks.slice(1);
    expect((await run('dump: {}')).status).toBe('success');
  });

  it('one that cannot look is a failure', async () => {
    checks = new BackupError('failed', 'no such file');
    expect((await run('dump: {}')).messages).toEqual(['verify: no such file']);
  });

  it('is not asked of trees, of which there is no copy', async () => {
    mkdirSync(lab.at('data'));
    await run('tree: {}', 'tree');
    expect(asked).toEqual([]);
  });
});
