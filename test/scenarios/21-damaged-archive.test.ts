// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addData, expectRestored, failureOf, makeNewArchive, namesIn, newestHost, noise } from '../helpers/faults.ts';
import { makeArchive } from '../helpers/make-archive.ts';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  addData(lab, { 'noise.bin': noise(300_000, 'damaged'), 'note.txt': 'a note\n' });
  await lab.init();
  await makeNewArchive(lab);
  await expectCode(0, lab.server('backup'));
});

afterAll(() => lab.remove());

beforeEach(() => {
  for (const name of namesIn(lab.spool)) if (name !== 'done') rmSync(inSpool(name));
});

const inSpool = (name: string) => join(lab.spool, name);
const manifestOf = (archive: string) => JSON.parse(readFileSync(inSpool(`${archive}.json`), 'utf8'));
const changeManifest = (archive: string, change: object) =>
  writeFileSync(inSpool(`${archive}.json`), JSON.stringify({ ...manifestOf(archive), ...change }));

function flipBit(file: string): void {
  const bytes = readFileSync(file);
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

interface Damage {
  readonly name: string;
  readonly damage: (archive: string) => void | Promise<void>;
  /** What the record, the log and the mail say. */
  readonly says: RegExp;
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'an archive that was cut off',
    damage: (archive) => truncateSync(inSpool(archive), 100_000),
    says: /The manifest of lab1-\S+ does not fit what is in the spool: bytes is \d+, found 100000\./,
  },
  {
    name: 'an archive that has grown',
    damage: (archive) => appendFileSync(inSpool(archive), 'more'),
    says: /does not fit what is in the spool: bytes is \d+, found \d+\. Was one of the files changed/,
  },
  {
    name: 'an archive with one bit flipped',
    damage: (archive) => flipBit(inSpool(archive)),
    says: /is not what the client wrote: its SHA-256 is not that of the manifest\..*the next run/s,
  },
  {
    name: 'an archive that was replaced by an older one',
    damage: (archive) => copyFileSync(inSpool(`done/${lab.archives(inSpool('done'))[0]}`), inSpool(archive)),
    says: /does not fit what is in the spool: bytes|is not what the client wrote/,
  },
  {
    name: 'an entry list with one bit flipped',
    damage: (archive) => flipBit(inSpool(`${archive}.entries.gz`)),
    says: /entries\.gz is not what the client wrote/,
  },
  {
    name: 'an entry list that is missing',
    damage: (archive) => rmSync(inSpool(`${archive}.entries.gz`)),
    says: /entries\.gz is not in the spool any more.*The next run of backup-client/,
  },
  {
    name: 'a manifest that is missing',
    damage: (archive) => rmSync(inSpool(`${archive}.json`)),
    says: /There is no manifest beside lab1-\S+: either the client's run broke off \(look at its log\), or .* set accept_without_manifest/,
  },
  {
    name: 'a manifest that was cut off',
    damage: (archive) => truncateSync(inSpool(`${archive}.json`), 200),
    says: /The manifest of lab1-\S+ is not JSON/,
  },
  {
    name: 'a manifest of another host',
    damage: (archive) => changeManifest(archive, { hostname: 'lab2', archive: archive.replace('lab1', 'lab2') }),
    says: /does not fit what is in the spool: hostname is lab2, found lab1/,
  },
  {
    name: 'a client that lies: the hashes are right, but the list is that of other content',
    damage: lie,
    says: /The archive and its entry list do not fit together/,
  },
];

/** An archive of other content than its entry list and manifest promise. */
async function lie(archive: string): Promise<void> {
  const [honest, evil] = [lab.at('honest'), lab.at('evil')];
  for (const [directory, text] of [
    [honest, 'honest'],
    [evil, 'eviler'],
  ] as const) {
    mkdirSync(join(directory, 'source/web/app'), { recursive: true });
    writeFileSync(join(directory, 'source/web/app/file'), text);
  }
  const stamp = archive.slice('lab1-'.length, -'.tar.gz'.length);
  const make = (spool: string) => makeArchive({ spool, source: join(spool, 'source'), hostname: 'lab1', stamp });
  const [promised, other] = [await make(honest), await make(evil)];
  copyFileSync(join(evil, archive), inSpool(archive));
  copyFileSync(join(honest, `${archive}.entries.gz`), inSpool(`${archive}.entries.gz`));
  const { bytes, sha256 } = other.manifest;
  writeFileSync(inSpool(`${archive}.json`), JSON.stringify({ ...promised.manifest, bytes, sha256 }));
}

describe('is never stored, stays in the spool, and the mail says why:', () => {
  it.each(DAMAGES)('$name', async ({ damage, says }) => {
    const archive = await makeNewArchive(lab);
    await damage(archive);
    const [spool, stored] = [namesIn(lab.spool), lab.snapshots()];
    await lab.takeMails();
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toMatch(says);
    expect(newestHost(lab).snapshot).toBeUndefined();
    expect(lab.snapshots()).toEqual(stored);
    expect(namesIn(lab.spool)).toEqual(spool);
    const [ofHost] = await lab.takeMails();
    expect(ofHost?.subject).toMatch(/Backup FAILED for host lab1 \(Code: 1\)/);
    expect(ofHost?.text.replace(/\s+/g, ' ')).toMatch(new RegExp(says.source.replaceAll('\\n', ' '), 's'));
  });

  it('the next archive of the client is stored, and what is restored equals the source', async () => {
    const archive = await makeNewArchive(lab);
    await expectCode(0, lab.server('backup'));
    expect(newestHost(lab).archive).toBe(archive);
    expect(namesIn(lab.at('temp'))).toEqual([]);
    await expectRestored(lab);
  });
});

it('a delta: the server leaves want-full, and the next archive is stored', async () => {
  const archive = await makeNewArchive(lab);
  changeManifest(archive, { kind: 'delta', base: 'lab1-20260101_000000.tar.gz' });
  await expectCode(1, lab.server('backup'));
  expect(failureOf(lab)).toMatch(
    /is a delta to lab1-20260101_000000\.tar\.gz, .*asked for a full archive \(want-full\)/,
  );
  expect(namesIn(lab.spool)).toContain('want-full');
  expect(lab.archives()).toContain(archive);
  await makeNewArchive(lab);
  await expectCode(0, lab.server('backup'));
  expect(newestHost(lab).status).toBe('success');
  expect(namesIn(lab.spool)).not.toContain('want-full');
});

describe('an archive of the original shell client, which has no manifest', () => {
  it('is refused; with accept_without_manifest, which the message names, it is stored with a warning', async () => {
    const work = lab.at('shell-work');
    cpSync(lab.at('data'), join(work, 'web/app/data', lab.at('data')), { recursive: true, preserveTimestamps: true });
    const archive = await makeNewArchive(lab);
    for (const name of [archive, `${archive}.json`, `${archive}.entries.gz`]) rmSync(inSpool(name));
    execFileSync('tar', ['-cpzf', inSpool(archive), '--numeric-owner', '-C', work, '.']);
    await expectCode(1, lab.server('backup'));
    expect(failureOf(lab)).toContain('set accept_without_manifest for this host');
    lab.configure({ global: ['retry_failed_hosts: 0'], host: ['accept_without_manifest: true'] });
    const stored = lab.snapshots().length;
    await expectCode(0, lab.server('backup'));
    expect(newestHost(lab)).toMatchObject({ status: 'warning', archive });
    expect(JSON.stringify(newestHost(lab).steps)).toContain('has no manifest: it was taken as accept_without_manifest');
    expect(lab.snapshots()).toHaveLength(stored + 1);
    expect(lab.archives()).toEqual([]);
    expect(lab.archives(inSpool('done'))).toEqual([archive]);
  });

  it('and is refused all the same when it is cut off', async () => {
    const cut = await makeNewArchive(lab);
    for (const name of [`${cut}.json`, `${cut}.entries.gz`]) rmSync(inSpool(name));
    truncateSync(inSpool(cut), 100_000);
    const stored = lab.snapshots();
    await expectCode(1, lab.server('backup'));
    expect(lab.snapshots()).toEqual(stored);
    expect(lab.archives()).toEqual([cut]);
    expect(failureOf(lab)).toMatch(/cut|end/i);
    await makeNewArchive(lab);
    await expectCode(0, lab.server('backup'));
    await expectRestored(lab);
  });
});
