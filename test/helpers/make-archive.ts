// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatArchiveName, timeOfStamp } from '@local-backup/common/archive-name';
import type { Entry } from '@local-backup/common/entry';
import { createEntryListWriter } from '@local-backup/common/entry-list';
import { gunzipFile } from '@local-backup/common/gunzip-file';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import { MEMBER_LIMITS } from '@local-backup/common/member-limits';
import { entryListName, manifestName } from '@local-backup/common/spool';
import type { TarTotals } from '@local-backup/common/tar-limits';
import { feedTar } from '@local-backup/common/tar-reader';
import { createTarReader } from '@local-backup/common/tar-stream';

export interface MakeArchiveOptions {
  /** Directory that archive, entry list and manifest are written to. */
  readonly spool: string;
  /** Directory whose content is archived. */
  readonly source: string;
  readonly hostname: string;
  readonly stamp: string;
  /** True: as the shell client does, with a member `./` for the directory itself. Default false. */
  readonly withRoot?: boolean;
  /** What the manifest says otherwise than it should. */
  readonly manifest?: Partial<Manifest>;
}

export interface MadeArchive {
  readonly name: string;
  readonly manifest: Manifest;
  /** Names of all three files, the manifest last. */
  readonly files: readonly string[];
}

const TAR = '--create --gzip --format=posix --sort=name --numeric-owner --xattrs --xattrs-include=* --acls --sparse';

/** Publishes a directory as a client does: GNU tar, entry list, manifest. */
export async function makeArchive(options: MakeArchiveOptions): Promise<MadeArchive> {
  const { spool, source } = options;
  const name = formatArchiveName(options);
  const members = options.withRoot === true ? ['.'] : readdirSync(source).sort();
  execFileSync('tar', [...TAR.split(' '), `--file=${join(spool, name)}`, `--directory=${source}`, '--', ...members]);
  const manifest = await describeArchive(options);
  const text = JSON.stringify({ ...manifest, ...options.manifest });
  writeFileSync(join(spool, manifestName(name)), text);
  return { name, manifest, files: [name, entryListName(name), manifestName(name)] };
}

/** Writes the entry list of an archive that is in the spool; the manifest that belongs to both. @throws where it is no archive */
export async function describeArchive(options: MakeArchiveOptions): Promise<Manifest> {
  const name = formatArchiveName(options);
  const file = join(options.spool, name);
  const { totals, entryList } = await listEntries(file, join(options.spool, entryListName(name)));
  const created = timeOfStamp(options.stamp)?.toISOString();
  const status = 'success';
  const service = { name: 'shop', type: 'web', status, messages: [], started: created, seconds: 1, secondsStopped: 0 };
  return manifestSchema.parse({
    format: 1,
    hostname: options.hostname,
    archive: name,
    created,
    kind: 'full',
    clientVersion: '0.1.0',
    bytes: statSync(file).size,
    sha256: createHash('sha256').update(readFileSync(file)).digest('hex'),
    totals,
    entryList: { name: entryListName(name), bytes: entryList.bytes, sha256: entryList.sha256 },
    status,
    services: [{ ...service, bytes: totals.bytes, files: totals.files, tasks: [] }],
  });
}

async function listEntries(archive: string, list: string) {
  rmSync(list, { force: true });
  const writer = await createEntryListWriter(list);
  const waiting: Entry[] = [];
  const limits = { ...MEMBER_LIMITS, entries: 10_000_000, bytes: Number.MAX_SAFE_INTEGER };
  const reader = createTarReader({ limits, onEntry: (entry) => waiting.push(entry) });
  const writeWaiting = async () => {
    for (const entry of waiting.splice(0)) if (!writer.add(entry)) await writer.ready();
  };
  async function* pieces() {
    for await (const piece of gunzipFile(archive)) {
      yield piece;
      await writeWaiting();
    }
  }
  const totals: TarTotals = await feedTar(reader, pieces());
  await writeWaiting();
  return { totals, entryList: await writer.finish() };
}
