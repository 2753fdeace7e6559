// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, test } from 'vitest';
import { enrolHostKeys, type Judge, type SeenKey } from './enrol-host-keys.ts';

const key = (type: string, verdict: SeenKey['verdict']): SeenKey => ({ type, fingerprint: `SHA256:${type}`, verdict });

async function enrol(seen: readonly SeenKey[], judge: Partial<Judge> = {}) {
  const pinned: SeenKey[] = [];
  const printed: string[] = [];
  const ring = {
    name: 'web1',
    file: '/kh',
    look: async () => seen,
    pin: async (keys: readonly SeenKey[]) => void pinned.push(...keys),
  };
  const print = (line: string) => void printed.push(line);
  const error = await enrolHostKeys(ring, { accept: undefined, ask: undefined, print, ...judge }).catch(
    (e: Error) => e,
  );
  return { pinned: pinned.map(({ type }) => type), printed, error };
}

const unknown = [key('ed25519', 'unknown'), key('rsa', 'unknown')];

test('all keys are recorded after a yes, which is asked for after the fingerprints were shown', async () => {
  const { pinned, printed, error } = await enrol(unknown, { ask: async () => ' yes\n' });
  expect(error).toBeUndefined();
  expect(pinned).toEqual(['ed25519', 'rsa']);
  expect(printed).toContain('  ed25519 SHA256:ed25519');
});

test.each(['', 'y', 'no', 'YES please'])('nothing is recorded after %j', async (answer) => {
  const { pinned, error } = await enrol(unknown, { ask: async () => answer });
  expect(pinned).toEqual([]);
  expect(error).toMatchObject({ code: 'untrusted' });
});

test('without a terminal nothing is recorded, and the message says how', async () => {
  const { pinned, error } = await enrol(unknown);
  expect(pinned).toEqual([]);
  expect(error?.message).toContain('--accept-host-key SHA256:ed25519');
});

test('a fingerprint on the command line records that key alone and asks nobody', async () => {
  const ask = () => Promise.reject(new Error('asked'));
  expect(await enrol(unknown, { accept: 'SHA256:rsa', ask })).toMatchObject({ pinned: ['rsa'], error: undefined });
});

test('a fingerprint that is not shown records nothing', async () => {
  const { pinned, error } = await enrol(unknown, { accept: 'SHA256:other', ask: async () => 'yes' });
  expect(pinned).toEqual([]);
  expect(error).toMatchObject({ code: 'untrusted' });
});

test('a known machine is left alone, also when it shows kinds of keys that were never recorded', async () => {
  const { pinned, error } = await enrol([key('ed25519', 'trusted'), key('rsa', 'changed')], { ask: async () => 'yes' });
  expect({ pinned, error }).toEqual({ pinned: [], error: undefined });
});

test.each<[SeenKey[]]>([
  [[key('ed25519', 'changed')]],
  [[key('ed25519', 'revoked')]],
  [[key('ed25519', 'trusted'), key('rsa', 'revoked')]],
])('changed and revoked keys are refused whatever anybody says', async (seen) => {
  const { pinned, error } = await enrol(seen, { ask: async () => 'yes', accept: seen[0]?.fingerprint });
  expect(pinned).toEqual([]);
  expect(error?.message).toContain("ssh-keygen -R 'web1' -f /kh");
});

test('a machine that shows no key is a failure', async () => {
  expect((await enrol([], { ask: async () => 'yes' })).error).toMatchObject({ code: 'failed' });
});
