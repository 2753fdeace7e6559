// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin } from '../../packages/client/src/plugin.ts';
import { runClient } from '../../packages/client/src/run-client.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { silentLog } from '../helpers/silent-log.ts';

let lab: ReturnType<typeof createClientLab>;
/** What happened, in order. */
let events: string[];

beforeEach(() => {
  lab = createClientLab();
  events = [];
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data', 'state'), 'running');
});

afterEach(() => lab.remove());

/** Bytes of the archive that grows in the spool, and temporary tars beside it. */
function spoolNow(): { readonly archive: number; readonly held: number } {
  const names = readdirSync(lab.spool);
  const partial = names.find((name) => /tar\.gz\.partial$/.test(name));
  const work = names.find((name) => name.startsWith('backup.backup-client.'));
  return {
    archive: partial === undefined ? 0 : statSync(join(lab.spool, partial)).size,
    held: work === undefined ? 0 : readdirSync(join(lab.spool, work)).filter((name) => name.endsWith('.tar')).length,
  };
}

/** Stops the service; when it is started again it writes at once. */
const stopper = definePlugin({
  ...{ name: 'stopper', summary: 'Stops.', options: z.strictObject({}), order: 10 },
  async prepare(context) {
    await context.remember({ stopped: true });
    writeFileSync(lab.at('data', 'state'), 'stopped');
    events.push('stop');
  },
  run: async () => ({}),
  async post() {
    writeFileSync(lab.at('data', 'state'), 'running again');
    const { archive, held } = spoolNow();
    events.push(`start, ${held} held, archive ${archive > 1_000_000 ? 'has the data' : 'has no data'}`);
  },
});

/** Saves the data of the service in place. */
const saver = definePlugin<{ missing: boolean }>({
  ...{ name: 'saver', summary: 'Saves.', options: z.strictObject({ missing: z.boolean().default(false) }) },
  async run({ options }) {
    events.push('run');
    const paths = [lab.at('data'), ...(options.missing ? [lab.at('missing')] : [])];
    const relative = paths.map((path) => bytePathOfText(path.slice(1)));
    return { trees: [{ into: 'data', root: '/', paths: relative, exclude: [], oneFileSystem: false }] };
  },
});

/** Saves a copy of the data that does not change. */
const snapshot = definePlugin({
  ...{ name: 'snapshot', summary: 'Saves a snapshot.', options: z.strictObject({}) },
  async prepare(context) {
    await context.remember({ made: true });
    execFileSync('cp', ['-a', lab.at('data'), lab.at('copy')]);
    events.push('make snapshot');
  },
  async run() {
    const paths = [bytePathOfText('copy')];
    const tree = { into: 'copies', root: lab.root, paths, exclude: [], oneFileSystem: false };
    return { trees: [tree], snapshot: true };
  },
  async post() {
    events.push('remove snapshot');
    execFileSync('rm', ['-rf', lab.at('copy')]);
  },
});

const run = async (yaml: string, config = lab.config) => {
  lab.addService('demo/shop', `service: {name: shop}\n${yaml}`);
  const said: string[] = [];
  const log = { ...silentLog, info: (text: string) => said.push(text), child: () => log };
  const io = { ...lab.ioWith([stopper, saver, snapshot]), log };
  const result = await runClient(config, [], { undone: [], failed: [] }, io);
  const content = (path: string) => lab.contentOf(lab.published()[0] ?? '', `demo/shop/${path}`);
  return { result, service: result.services[0], said, content };
};

const lots = () => execFileSync('sh', ['-c', `head -c 5M /dev/urandom > ${lab.at('data', 'large')}`]);

it('a stopped service is back before its data is compressed', async () => {
  lots();
  const { service, content } = await run('stopper: {}\nsaver: {}\n');
  expect(service).toMatchObject({ status: 'success', files: 3 });
  expect(service?.secondsStopped).toBeGreaterThan(0);
  expect(service?.secondsStopped).toBeLessThan(service?.seconds ?? 0);
  expect(events).toEqual(['stop', 'run', 'start, 2 held, archive has no data']);
  expect(content(`data${lab.at('data', 'state')}`)).toBe('stopped');
  expect(lab.published()).toHaveLength(1);
  expect(spoolNow()).toEqual({ archive: 0, held: 0 });
});

it('a service that nothing was stopped of needs no temporary tar', async () => {
  const { service, content } = await run('saver: {}\n');
  expect(service).toMatchObject({ status: 'success', secondsStopped: 0 });
  expect(content(`data${lab.at('data', 'state')}`)).toBe('running');
});

it('without room it is compressed while it stands still, which the log tells', async () => {
  lots();
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=9m', 'tmpfs', lab.spool]);
  try {
    const { service, said, content } = await run('stopper: {}\nsaver: {}\n');
    expect(service?.status).toBe('success');
    expect(events.at(-1)).toBe('start, 0 held, archive has the data');
    expect(said).toContainEqual(
      expect.stringMatching(
        / is compressed while the service stands still, without a temporary tar in .*: it takes twice its .* are free/,
      ),
    );
    expect(content(`data${lab.at('data', 'state')}`)).toBe('stopped');
  } finally {
    execFileSync('umount', [lab.spool]);
  }
});

it('what is in a snapshot is read when the service is back, and the snapshot removed after that', async () => {
  lots();
  const { service, content } = await run('stopper: {}\nsnapshot: {}\n');
  expect(service).toMatchObject({ status: 'success', files: 3 });
  const [stop, make, start, remove] = events;
  expect([stop, make, start, remove]).toEqual([
    'stop',
    'make snapshot',
    'start, 0 held, archive has no data',
    'remove snapshot',
  ]);
  expect(content('copies/copy/state')).toBe('stopped');
  expect(lab.undoEntries()).toEqual([]);
});

it('a snapshot alone is no time stopped', async () => {
  const { service } = await run('snapshot: {}\n');
  expect(service).toMatchObject({ status: 'success', secondsStopped: 0 });
});

it('what cannot be read fails the service, and it is started again', async () => {
  const { service, content } = await run('stopper: {}\nsaver: {missing: true}\n');
  expect(service?.status).toBe('failed');
  expect(service?.tasks[1]?.messages.join()).toContain(`${lab.at('missing')}: `);
  expect(content(`data${lab.at('data', 'state')}`)).toBe('stopped');
  expect(readFileSync(lab.at('data', 'state'), 'utf8')).toBe('running again');
});
