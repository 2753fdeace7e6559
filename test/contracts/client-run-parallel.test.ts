// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import * as z from 'zod';
import { definePlugin, type PluginContext } from '../../packages/client/src/plugin.ts';
import { runClient } from '../../packages/client/src/run-client.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';
import { InterruptedError } from '../../packages/common/src/errors.ts';
import { createArchiveLab, verifyLab } from '../helpers/archive-lab.ts';
import { createClientLab } from '../helpers/client-lab.ts';

let lab: ReturnType<typeof createClientLab>;
/** Services whose `run` has begun. */
let begun: Set<string>;
/** What each `run` waits for. */
let isMet: (context: PluginContext) => boolean;

beforeEach(() => {
  lab = createClientLab();
  begun = new Set();
  for (const name of ['a', 'b', 'c']) {
    mkdirSync(lab.at('data', name), { recursive: true });
    writeFileSync(lab.at('data', name, 'state'), 'on');
    lab.addService(`demo/${name}`, `service: {name: ${name}}\nmeet: {}\n`);
  }
});

afterEach(() => lab.remove());

/** Stops its service and saves it in place, but waits in between. */
const meet = definePlugin({
  ...{ name: 'meet', summary: 'Waits for others.', options: z.strictObject({}) },
  async prepare(context) {
    await context.remember({ stopped: true });
    await writeFile(lab.at('data', context.service.name, 'state'), 'off');
  },
  async run(context) {
    const { name } = context.service;
    begun.add(name);
    for (let turns = 0; !isMet(context); turns++) {
      context.signal.throwIfAborted();
      if (turns > 3_000) throw new Error('nobody came');
      await delay(10);
    }
    await writeFile(join(context.stage, 'dump'), name.repeat(1000));
    const paths = [bytePathOfText('.')];
    return { trees: [{ into: 'data', root: lab.at('data', name), paths, exclude: [], oneFileSystem: false }] };
  },
  async post({ service }) {
    // The second one takes longer than the end of the run would.
    await delay(service.name === 'b' ? 800 : 20);
    await writeFile(lab.at('data', service.name, 'state'), 'on');
  },
});

const run = (parallelServices: number, signal?: AbortSignal) =>
  runClient({ ...lab.config, parallelServices }, [], { undone: [], failed: [] }, lab.ioWith([meet], signal));
const states = () => ['a', 'b', 'c'].map((name) => readFileSync(lab.at('data', name, 'state'), 'utf8'));

it('services are saved at the same time where that was asked for, and are whole in the archive', async () => {
  isMet = () => begun.size === 3;
  const { services, manifest } = await run(3);
  expect(services.map(({ name, status }) => `${name}: ${status}`)).toEqual(['a: success', 'b: success', 'c: success']);
  for (const name of ['a', 'b', 'c']) {
    expect(lab.contentOf(manifest?.archive ?? '', `demo/${name}/data/state`)).toBe('off');
    expect(lab.contentOf(manifest?.archive ?? '', `demo/${name}/dump`)).toBe(name.repeat(1000));
  }
  expect(states()).toEqual(['on', 'on', 'on']);
});

it('one after the other is the default', async () => {
  expect(lab.config.parallelServices).toBe(1);
  let most = 0;
  isMet = () => {
    most = Math.max(most, states().filter((state) => state === 'off').length);
    return true;
  };
  expect((await run(lab.config.parallelServices)).manifest?.status).toBe('success');
  expect(most).toBe(1);
});

it('trees that are added at the same time go into the archive one after the other', async () => {
  const archive = createArchiveLab();
  try {
    archive.make('head -c 6M /dev/urandom > one; head -c 6M /dev/urandom > two; touch three');
    const writer = await archive.writer();
    const held = await writer.holdTree(archive.request({ prefix: 'x/c' }), { directory: lab.root, minFreeBytes: 1 });
    if (held === undefined) throw new Error('no room');
    const prefixes = ['x/a', 'x/b'];
    await Promise.all([...prefixes.map((prefix) => writer.addTree(archive.request({ prefix }))), writer.addHeld(held)]);
    await verifyLab(archive, await writer.finish());
    const files = (await archive.entries()).filter(({ type }) => type === 'file');
    expect(files).toHaveLength(9);
  } finally {
    archive.remove();
  }
});

it('all that are under way are put back before a run that is to end has ended', async () => {
  const abort = new AbortController();
  isMet = () => {
    if (begun.size === 2) abort.abort(new InterruptedError('SIGTERM'));
    return false;
  };
  await expect(run(2, abort.signal)).rejects.toThrow(InterruptedError);
  expect(begun).toEqual(new Set(['a', 'b']));
  expect(states()).toEqual(['on', 'on', 'on']);
  expect(lab.undoEntries()).toEqual([]);
});
