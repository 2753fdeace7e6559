// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createTrail, type Trail } from '../../packages/server/src/report/trail.ts';
import type { Offer, Source } from '../../packages/server/src/sources/source.ts';
import type { Snapshot } from '../../packages/server/src/stores/store.ts';
import type { Files } from '../helpers/memory-source.ts';
import { silentLog } from '../helpers/silent-log.ts';

/** A host with its live tree, and how to work on it. */
export interface SourceHarness {
  readonly liveDirectory: string;
  /** A new session, as a new run of the program would make it. */
  readonly source: () => Source;
  /** The host makes a new state. */
  readonly publish: (stamp: string, files: Files) => Promise<void>;
  readonly close: () => Promise<void>;
}

type NewOffer = Offer & { kind: 'new' };

const FIRST = '20261120_030000';
const SECOND = '20261121_030000';

/** What every source promises (packages/server/src/sources/source.ts). */
export function describeSource(name: string, open: () => Promise<SourceHarness>): void {
  describe(`source contract: ${name}`, () => {
    let harness: SourceHarness;
    let trail: Trail;
    beforeEach(async () => {
      harness = await open();
      trail = createTrail(silentLog, () => new Date('2026-11-21T04:00:00Z'));
    });
    afterEach(() => harness.close());

    const offer = async (source: Source, stored: readonly Snapshot[] = []): Promise<NewOffer> => {
      const offered = await source.offer(stored, trail);
      if (offered.kind === 'skip') throw new Error(`skipped: ${offered.why}`);
      return offered;
    };
    const bring = async (stored: readonly Snapshot[] = []): Promise<{ source: Source; offered: NewOffer }> => {
      const source = harness.source();
      const offered = await offer(source, stored);
      expect(await source.bring(offered, trail)).toEqual([]);
      return { source, offered };
    };

    test('a host that has nothing to offer fails', async () => {
      await expect(harness.source().offer([], trail)).rejects.toMatchObject({ name: 'BackupError', code: 'failed' });
    });

    test('the newest state is offered, with its stamp and the reason', async () => {
      await harness.publish(SECOND, { 'web/a': 'two' });
      await harness.publish(FIRST, { 'web/a': 'one' });
      expect(await offer(harness.source())).toMatchObject({ stamp: SECOND, why: expect.stringMatching(/\w/) });
    });

    test('to offer changes nothing: a second session is offered the same', async () => {
      await harness.publish(FIRST, { 'web/a': 'one' });
      const first = harness.source();
      const offered = await offer(first);
      await first.close();
      expect(await offer(harness.source())).toEqual(offered);
    });

    test('what is stored is not offered again, nor anything older', async () => {
      await harness.publish(FIRST, { 'web/a': 'one' });
      const skipped = (tag: string) => harness.source().offer([snapshot(tag)], trail);
      expect(await skipped(FIRST)).toMatchObject({ kind: 'skip', code: 'SKIPPED_DUPLICATE' });
      expect(await skipped(SECOND)).toMatchObject({ kind: 'skip', code: 'SKIPPED_OLDER' });
    });

    test('the live tree holds exactly what was offered, whatever was in it', async () => {
      mkdirSync(join(harness.liveDirectory, 'web/deep'), { recursive: true });
      mkdirSync(join(harness.liveDirectory, '.hidden'));
      writeFileSync(join(harness.liveDirectory, '.hidden/left'), 'over');
      symlinkSync('/etc', join(harness.liveDirectory, 'web/deep/x'));
      await harness.publish(FIRST, { 'web/a': 'one', 'web/deep/x': 'file' });
      await bring();
      expect(contentOf(harness.liveDirectory)).toEqual({ 'web/a': 'one', 'web/deep/x': 'file' });
    });

    test('a newer state replaces the older one', async () => {
      await harness.publish(FIRST, { 'web/a': 'one', 'web/gone': 'x' });
      const { source, offered } = await bring();
      await source.confirm(offered);
      await source.close();
      await harness.publish(SECOND, { 'web/a': 'two' });
      await bring([snapshot(FIRST)]);
      expect(contentOf(harness.liveDirectory)).toEqual({ 'web/a': 'two' });
    });

    test('bringing may be repeated, in the same session and in a new one', async () => {
      await harness.publish(FIRST, { 'web/a': 'one' });
      const { source, offered } = await bring();
      expect(await source.bring(offered, trail)).toEqual([]);
      await source.close();
      await bring();
      expect(contentOf(harness.liveDirectory)).toEqual({ 'web/a': 'one' });
    });

    test('what was confirmed is not new any more', async () => {
      await harness.publish(FIRST, { 'web/a': 'one' });
      const { source, offered } = await bring();
      expect(await source.confirm(offered)).toEqual([]);
      await source.close();
      const again = await harness.source().offer([snapshot(FIRST)], trail);
      expect(again).toMatchObject({ kind: 'skip', code: 'SKIPPED_DUPLICATE' });
    });

    test('closing never fails, used or not, once or twice', async () => {
      const source = harness.source();
      await source.close();
      await source.close();
    });
  });
}

function snapshot(stamp: string): Snapshot {
  return { id: `id-of-${stamp}`, time: '2026-11-21T03:30:00Z', tags: ['web1', stamp] };
}

/** Files of a live tree by path, without the server's own proof. */
function contentOf(directory: string, prefix = ''): Files {
  const files: Record<string, string> = {};
  for (const child of readdirSync(directory, { withFileTypes: true })) {
    const path = join(prefix, child.name);
    if (path === '.backup') continue;
    const found = join(directory, child.name);
    if (child.isDirectory()) Object.assign(files, contentOf(found, path));
    else files[path] = child.isFile() ? readFileSync(found, 'utf8') : 'no regular file';
  }
  return files;
}
