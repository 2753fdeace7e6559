// SPDX-License-Identifier: AGPL-3.0-or-later
import { InterruptedError } from '@local-backup/common/errors';
import { expect, test } from 'vitest';
import type { HostCopy } from '../../packages/server/src/copies/copy-host.ts';
import { counts, fail, NOW, run, type World, world } from '../helpers/pipeline-world.ts';

/* When a run brings further repositories up to date, and what that does to the record of a backup. */

const newest = NOW.toISOString();

/** A further repository, and how often it was asked to catch up. */
function copyOf(bring: HostCopy['bring'] = async () => ({ copied: 1, newest })) {
  const asked: string[] = [];
  const copy: HostCopy = {
    ...{ name: 'offsite', maxAgeMs: 86_400_000, known: async () => newest, remember: async () => undefined },
    bring: (signal) => {
      asked.push('offsite');
      return bring(signal);
    },
  };
  return { copies: [copy], asked };
}

const noting = (order: string[], name: string) => ({
  bring: async () => {
    order.push(name);
    return [];
  },
});

test("they come after all hosts, so that a slow line holds up no backup; their steps are in the host's record", async () => {
  const { copies, asked: order } = copyOf();
  const worlds = { web1: world({ ...noting(order, 'web1'), copies }), web2: world(noting(order, 'web2')) };
  const { host, saved } = await run(worlds);
  expect(order).toEqual(['web1', 'web2', 'offsite']);
  expect(host('web1')).toMatchObject({ status: 'success', snapshot: 'snapshot-1', copies: [{ name: 'offsite' }] });
  expect(host('web1')?.steps.map(({ name }) => name)).toEqual(expect.arrayContaining(['save', 'copy offsite']));
  expect(host('web2')?.copies).toBeUndefined();
  // On disk before the copying begins: a kill there loses nothing.
  const before = saved.find(({ hosts }) => hosts.length === 2);
  expect(before?.hosts.map(({ copies: made }) => made)).toEqual([undefined, undefined]);
});

test('one that fails leaves what is known of the backup as it is', async () => {
  const { copies } = copyOf(fail('failed', 'the line is down'));
  const { host } = await run({ web1: world({ copies }) });
  expect(host('web1')).toMatchObject({ status: 'warning', snapshot: 'snapshot-1', filesNew: 1 });
  expect(host('web1')?.steps.at(-1)?.message).toContain('the line is down');
});

test('a host with nothing new is copied too: what is behind catches up', async () => {
  const { copies, asked } = copyOf();
  const offer: World['offer'] = async () => ({ kind: 'skip', code: 'SKIPPED_DUPLICATE', why: 'stored already' });
  const snapshots = [{ id: 's', time: newest, tags: [] }];
  const { host } = await run({ web1: world({ offer, copies, snapshots }) });
  expect([asked, host('web1')?.status]).toEqual([['offsite'], 'skipped']);
});

test.each<[string, Partial<World>, { readonly dryRun?: boolean }]>([
  ['a host that failed', { bring: fail('failed', 'lost') }, {}],
  ['a dry run', {}, { dryRun: true }],
  ['a snapshot that is not whole', { save: async () => ({ snapshot: 's', ...counts, unreadable: ['x'] }) }, {}],
])('nothing is copied after %s', async (_, changes, settings) => {
  const { copies, asked } = copyOf();
  const { host } = await run({ web1: world({ ...changes, copies }) }, settings);
  expect([asked, host('web1')?.copies]).toEqual([[], undefined]);
});

test('none is begun once the run is to end', async () => {
  const { copies, asked } = copyOf();
  const stop = new AbortController();
  const bring = async () => {
    stop.abort(new InterruptedError('SIGTERM'));
    return [];
  };
  const { host } = await run({ web1: world({ copies }), web2: world({ bring }) }, { signal: stop.signal });
  expect([asked, host('web1')?.status]).toEqual([[], 'success']);
});
