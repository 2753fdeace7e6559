// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import type { RemoteFile } from '../../remotes/remote.ts';
import type { Snapshot } from '../../stores/store.ts';
import { type SelectInput, selectArchive } from './select.ts';

const NOW = new Date('2026-11-21T12:00:00Z');

function archive(stamp: string, hostname = 'web1'): string {
  return `${hostname}-${stamp}.tar.gz`;
}

/** Regular files of these names; the mtimes run against the order of the names. */
function files(...names: string[]): RemoteFile[] {
  return names.map((name, index) => ({ name, type: 'file', size: 100 + index, mtime: 1_000_000 - index }));
}

function published(...stamps: string[]): RemoteFile[] {
  return files(
    ...stamps.flatMap((stamp) => [archive(stamp), `${archive(stamp)}.json`, `${archive(stamp)}.entries.gz`]),
  );
}

function snapshot(tags: readonly string[], time = '2026-11-20T03:05:00Z'): Snapshot {
  return { id: 'abcdef0123456789', time, tags };
}

function select(input: Partial<SelectInput>) {
  return selectArchive({
    hostname: 'web1',
    directory: '/var/spool/backup',
    spool: [],
    done: [],
    stored: [],
    now: NOW,
    acceptWithoutManifest: false,
    force: false,
    ...input,
  });
}

describe('takes', () => {
  test('the newest by the stamp in the name, whatever the mtimes say', () => {
    const spool = published('20261119_030000', '20261121_030000', '20261120_030000');
    expect(select({ spool }).choice).toMatchObject({ kind: 'take', archive: { name: archive('20261121_030000') } });
  });

  test('one that is newer than what is stored, and says so', () => {
    const stored = [snapshot(['web1', '20261120_030000'])];
    const { choice } = select({ spool: published('20261121_030000'), stored });
    expect(choice).toMatchObject({ kind: 'take', why: 'newer than the newest stored state, 20261120_030000' });
  });

  test('one without a manifest only where that is accepted', () => {
    const spool = files(archive('20261121_030000'));
    expect(select({ spool }).choice).toMatchObject({ kind: 'none' });
    const accepted = select({ spool, acceptWithoutManifest: true }).choice;
    expect(accepted).toMatchObject({ kind: 'take', archive: { hasManifest: false } });
  });

  test('the finished one when a newer one has no manifest, with a warning', () => {
    const spool = [...published('20261120_030000'), ...files(archive('20261121_030000'))];
    const { choice, warnings } = select({ spool });
    expect(choice).toMatchObject({ kind: 'take', archive: { stamp: '20261120_030000' } });
    expect(warnings.join()).toMatch(/no manifest beside it: web1-20261121_030000/);
  });

  test('a stored one again when forced', () => {
    const stored = [snapshot(['20261121_030000'])];
    expect(select({ spool: published('20261121_030000'), stored, force: true }).choice).toMatchObject({ kind: 'take' });
    expect(select({ spool: published('20261101_030000'), stored, force: true }).choice).toMatchObject({ kind: 'take' });
  });

  test('an archive though its time lies before the snapshot was made (G11)', () => {
    const stored = [snapshot(['20261120_030000'], '2026-11-21T11:00:00Z')];
    expect(select({ spool: published('20261121_030000'), stored }).choice).toMatchObject({ kind: 'take' });
  });
});

describe('skips', () => {
  test('a stored one', () => {
    const { choice } = select({ spool: published('20261121_030000'), stored: [snapshot(['20261121_030000'])] });
    expect(choice).toMatchObject({ kind: 'skip', code: 'SKIPPED_DUPLICATE', why: expect.stringContaining('abcdef01') });
  });

  test('one that is older than what is stored', () => {
    const stored = [snapshot(['20261120_030000']), snapshot(['20261121_030000'])];
    const { choice } = select({ spool: published('20261119_030000'), stored });
    expect(choice).toMatchObject({ kind: 'skip', code: 'SKIPPED_OLDER' });
  });

  test('one that was overtaken before it was fetched: nobody has to look at a clock for that', () => {
    const stored = [snapshot(['20261121_030000'])];
    const input = { spool: published('20261120_030000'), done: published('20261121_030000'), stored };
    expect(select(input).choice).toMatchObject({
      code: 'SKIPPED_OLDER',
      why: expect.stringMatching(/none since web1-20261121_030000\.tar\.gz, which is stored already$/),
    });
    expect(select({ ...input, done: [] }).choice).toMatchObject({ why: expect.stringMatching(/clock of the client/) });
  });

  test('one that is older than the snapshots, where these have no stamps', () => {
    const stored = [snapshot(['unknown_timestamp'], '2026-11-21T03:00:00Z')];
    expect(select({ spool: published('20261120_030000'), stored }).choice).toMatchObject({ code: 'SKIPPED_OLDER' });
    expect(select({ spool: published('20261121_040000'), stored }).choice).toMatchObject({ kind: 'take' });
  });

  test('a host whose newest archive is in done/ and stored', () => {
    const done = published('20261121_030000');
    const stored = [snapshot(['20261121_030000'])];
    expect(select({ done, stored }).choice).toMatchObject({ kind: 'skip', code: 'SKIPPED_DUPLICATE' });
    expect(select({ done, stored: [snapshot(['20261120_030000'])] }).choice).toMatchObject({ kind: 'none' });
    expect(select({ done, stored: [] }).choice).toMatchObject({ kind: 'none' });
  });
});

describe('a time in the future', () => {
  const future = '20361121_030000';

  test('in a name does not shut out the real ones', () => {
    const { choice, warnings } = select({ spool: published(future, '20261121_030000') });
    expect(choice).toMatchObject({ kind: 'take', archive: { stamp: '20261121_030000' } });
    expect(warnings.join()).toMatch(/lies in the future: web1-20361121/);
  });

  test('in a tag does not make everything older', () => {
    const stored = [snapshot([future]), snapshot(['20261120_030000'])];
    const { choice, warnings } = select({ spool: published('20261121_030000'), stored });
    expect(choice).toMatchObject({ kind: 'take' });
    expect(warnings.join()).toMatch(/Stored snapshots lie in the future/);
  });

  test('within a day is a clock that is a little off', () => {
    expect(select({ spool: published('20261122_110000') }).choice).toMatchObject({ kind: 'take' });
  });
});

describe('finds nothing and says what to look at', () => {
  test.each([
    ['an empty spool', [], /did the last run of backup-client succeed/],
    ['an archive without manifest', files(archive('20261121_030000')), /accept_without_manifest/],
    [
      'archives of another name',
      published('20261121_030000').map((f) => ({ ...f, name: f.name.replace('web1', 'web2') })),
      /web2-20261121_030000.*`hostname` has to be the same/,
    ],
    ['only times in the future', published('20361121_030000'), /check the clock of web1/],
    [
      'a directory with the name of an archive',
      [{ ...(files(archive('20261121_030000'))[0] as RemoteFile), type: 'directory' as const }],
      /No backup archives found/,
    ],
    ['a manifest without its archive', files(`${archive('20261121_030000')}.json`), /No backup archives found/],
  ])('%s', (_, spool, message) => {
    const { choice } = select({ spool });
    expect(choice).toMatchObject({ kind: 'none', why: expect.stringMatching(message) });
    expect(choice).toMatchObject({
      why: expect.stringContaining('No backup archives found for web1 in /var/spool/backup'),
    });
  });
});

test('archives of other hosts are reported, a name that is a prefix of ours among them', () => {
  const spool = [
    ...published('20261121_030000'),
    ...files(archive('20261121_030000', 'web1-old'), archive('20261121_030000', 'web')),
  ];
  const { choice, warnings } = select({ spool });
  expect(choice).toMatchObject({ kind: 'take', archive: { hostname: 'web1' } });
  expect(warnings).toEqual([
    expect.stringMatching(/other hosts.*web1-old-20261121_030000.tar.gz, web-20261121_030000/),
  ]);
});
