// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostRecord } from '../../packages/common/src/run-record.ts';
import { addData, addHost, expectRestored, failureOf, makeNewArchive, namesIn, newestRun } from '../helpers/faults.ts';
import { HOSTILE_ARCHIVES } from '../helpers/hostile-archives.ts';
import { type Place, publishHarmless, publishHostile, writeManifest } from '../helpers/hostile-spool.ts';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';
import { gzArchive } from '../helpers/tar-builder.ts';

const STAMP = '20261101_030000';
/** A run over all of them takes half of that on an idle machine; the bombs would take hours. */
const RUN_LIMIT_SECONDS = 200;

let lab: SystemLab;
let good: HostRecord;
let before: readonly string[];
let after: readonly string[];
/** What each hostile host does, by its name. */
const hosts = new Map<string, { readonly deed: string; readonly says: RegExp }>();

/** A host of its own for each deed; its repository is a copy, because `init` takes seconds. */
async function addHostile(deed: string, says: RegExp, work: (place: Place) => unknown, lines: readonly string[] = []) {
  const hostname = `evil${hosts.size}`;
  hosts.set(hostname, { deed, says });
  const limits = ['max_unpacked_size: 64MiB', 'max_entries: 50000'];
  const own = limits.filter((limit) => !lines.some((line) => line.split(':')[0] === limit.split(':')[0]));
  const spool = addHost(lab, hostname, [...own, ...lines]);
  cpSync(lab.repository, lab.at('repositories', hostname), { recursive: true });
  cpSync(lab.at('server-state/repositories/lab1.json'), lab.at(`server-state/repositories/${hostname}.json`));
  await work({ spool, hostname, stamp: STAMP });
}

const MANIFESTS: readonly (readonly [string, RegExp, (text: string) => string | Buffer])[] = [
  ['control characters', /is not valid/, (text) => text.replace('"shop"', '"\\u001b[2J\\u0007\\n\\u202e"')],
  [
    '10 MB of services',
    /is not valid|is not JSON/,
    (text) => text.replace('"services":[', `"services":[${'{},'.repeat(3e6)}`),
  ],
  ['20 MB', /more than the \d+ that it may have/, () => Buffer.alloc(20 * 1024 ** 2, ' ')],
  ['a million brackets', /is not JSON|is not valid/, () => '['.repeat(1_000_000)],
  ['wrong types', /is not valid/, (text) => text.replace(/"bytes":\d+/, '"bytes":{"$gt":0}')],
  ['a number beyond all numbers', /is not valid/, (text) => text.replace(/"bytes":\d+/, '"bytes":1e999')],
  ['a null byte', /is not JSON/, (text) => `\0${text}`],
  ['a prototype', /is not valid/, (text) => text.replace('{', '{"__proto__":{"kind":"full"},"constructor":1,')],
  [
    'a path for the entry list',
    /does not fit/,
    (text) => text.replace(/"name":"[^"]+entries.gz"/, '"name":"../../etc/shadow"'),
  ],
];

/** Everything in the lab but what a run of the server is there to write. */
const SERVERS_OWN = /^(server-state|temp|mail|repositories|spool)/;

function look(): string[] {
  const names = readdirSync(lab.root).filter((name) => !SERVERS_OWN.test(name));
  const facts = (path: string) => `${path} ${statSync(path).nlink} ${statSync(path).mtimeMs}`;
  return [
    ...names,
    ...['/etc/shadow', '/etc/passwd'].map(facts),
    ...namesIn('/tmp').filter((name) => name.includes('hostile-')),
  ];
}

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0', 'parallel_hosts: 4'] });
  addData(lab, { 'note.txt': 'a note\n' });
  await lab.init();
  for (const archive of HOSTILE_ARCHIVES) {
    await addHostile(`archive: ${archive.name}`, /./, (place) => publishHostile(archive, place));
  }
  for (const [name, says, change] of MANIFESTS) {
    await addHostile(`manifest: ${name}`, says, async (place) => {
      const { name: archive } = await publishHarmless(place);
      writeManifest(place, change(readFileSync(join(place.spool, `${archive}.json`), 'utf8')));
    });
  }
  await addHostile('archive above max_archive_size', /raise max_archive_size/, publishHarmless, [
    'max_archive_size: 1B',
  ]);
  await addHostile('more than max_unpacked_size', /raise max_unpacked_size/, publishHarmless, [
    'max_unpacked_size: 5B',
  ]);
  await addHostile('more than max_entries', /raise max_entries/, publishHarmless, ['max_entries: 2']);
  await addHostile('spool with 100,001 names', /more than 100000 entries/, fill);
  await addHostile('spool of nothing but odd names', /No backup archives found/, ({ spool }) => {
    for (const name of [
      'evil\n1-20261101_030000.tar.gz',
      '\u001b[31mred.tar.gz',
      `${'n'.repeat(200)}.tar.gz`,
      '-rf',
      '*',
    ]) {
      writeFileSync(join(spool, name), '');
    }
  });
  await makeNewArchive(lab);
  before = look();
  const started = performance.now();
  await expectCode(1, lab.server('backup'));
  expect((performance.now() - started) / 1000).toBeLessThan(RUN_LIMIT_SECONDS);
  after = look();
  good = newestRun(lab).hosts.find(({ host }) => host === 'lab1') as HostRecord;
}, 300_000);

afterAll(() => lab.remove());

function fill({ spool }: Place): void {
  execFileSync('sh', ['-c', 'seq 100001 | xargs touch'], { cwd: spool });
}

const recordOf = (hostname: string) => newestRun(lab).hosts.find(({ host }) => host === hostname);

describe('a fleet in which every host but one has been taken over', () => {
  it('the one that is well was backed up', async () => {
    expect(good).toMatchObject({ status: 'success', snapshot: expect.stringMatching(/^[0-9a-f]{64}$/) });
    await expectRestored(lab);
  });

  it('every other one has failed before anything of it was unpacked, with a message that says why', () => {
    const problems = [...hosts].flatMap(([hostname, { deed, says }]) => {
      const record = recordOf(hostname);
      const names = record?.steps.map(({ name }) => name) ?? [];
      const isRefused = record?.status === 'failed' && record.snapshot === undefined && !names.includes('unpack');
      return isRefused && says.test(failureOf(lab, hostname)) ? [] : [`${deed}: ${JSON.stringify(record?.steps)}`];
    });
    expect(problems).toEqual([]);
    expect(hosts.size).toBeGreaterThan(HOSTILE_ARCHIVES.length);
  });

  it('nothing was written anywhere else, and no device came into being', () => {
    expect(after).toEqual(before);
    const found = execFileSync('find', [
      lab.root,
      '-type',
      'b',
      '-o',
      '-type',
      'c',
      '-o',
      '-perm',
      '/6000',
      '-type',
      'f',
    ]);
    expect(found.toString()).toBe('');
  });

  it('every one of them has a mail of its own, and no mail or record holds a control character', async () => {
    const mails = await lab.takeMails();
    for (const hostname of hosts.keys()) {
      expect(mails.some(({ subject }) => subject.includes(`FAILED for host ${hostname} `))).toBe(true);
    }
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what is looked for.
    expect(mails.filter(({ subject, text }) => /[\0-\x08\x0b-\x1f\x7f\u202e]/.test(subject + text))).toEqual([]);
  });

  it('all archives are where they were, so that somebody can look at them', () => {
    for (const [hostname, { deed }] of hosts) {
      if (deed.startsWith('spool')) continue;
      expect(existsSync(lab.at(`spool-${hostname}`, `${hostname}-${STAMP}.tar.gz`))).toBe(true);
    }
  });

  it('one of them is mended: its next run is a success', async () => {
    await publishHarmless({ spool: lab.at('spool-evil0'), hostname: 'evil0', stamp: '20261102_030000' });
    await expectCode(0, lab.server('backup', 'evil0'));
    expect(recordOf('evil0')).toMatchObject({ status: 'success', archive: 'evil0-20261102_030000.tar.gz' });
  });
});

describe('an honest archive with a set-uid program of root', () => {
  it('is stored as it is, and nobody else can reach the live tree', async () => {
    const place = { spool: lab.at('spool-evil0'), hostname: 'evil0', stamp: '20261103_030000' };
    const bytes = () => gzArchive({ name: 'web/', type: '5' }, { name: 'web/sh', mode: 0o4755, body: '#!/bin/sh\n' });
    await publishHostile({ bytes, refusedBy: 'judge' }, place);
    await expectCode(0, lab.server('backup', 'evil0'));
    const live = lab.at('server-state/live/evil0/web/sh');
    expect(statSync(live).mode & 0o7777).toBe(0o4755);
    // So that nothing but the directory of the live trees is in the way.
    for (const directory of ['', 'server-state']) chmodSync(lab.at(directory), 0o711);
    const nobody = spawnSync('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'ls', live]);
    expect(nobody.status).not.toBe(0);
    expect(nobody.stderr.toString()).toContain('Permission denied');
    expect(statSync(lab.at('server-state/live')).mode & 0o777).toBe(0o700);
  });
});
