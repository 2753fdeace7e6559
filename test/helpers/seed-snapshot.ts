// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { dirname, join } from 'node:path';
import { createEntryListWriter } from '@local-backup/common/entry-list';
import { manifestSchema } from '@local-backup/common/manifest';
import { listedEntries } from './listed-tree.ts';

/** A live tree as a run leaves it, made without a client. */
export interface SeededTree {
  readonly directory: string;
  readonly host: string;
  readonly stamp: string;
  /** By path relative to the tree. */
  readonly files: Readonly<Record<string, string | Buffer>>;
  /** Of the manifest: names (`<type>/<name>`) and the plugin of their only task. */
  readonly services?: Readonly<Record<string, string>>;
}

/** Writes the files and the proof that fits them. */
export async function seedTree({
  directory,
  host,
  stamp,
  files,
  services = { 'files/etc': 'files' },
}: SeededTree): Promise<void> {
  fs.rmSync(directory, { recursive: true, force: true });
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(dirname(join(directory, path)), { recursive: true });
    fs.writeFileSync(join(directory, path), content);
  }
  const entries = listedEntries(directory);
  fs.mkdirSync(join(directory, '.backup'), { mode: 0o700 });
  const archive = `${host}-${stamp}.tar.gz`;
  const list = join(directory, '.backup/entries.gz');
  const writer = await createEntryListWriter(list);
  for (const entry of entries) writer.add(entry);
  const { bytes } = await writer.finish();
  const sha256 = createHash('sha256').update(fs.readFileSync(list)).digest('hex');
  const fine = { status: 'success' as const, messages: [], seconds: 1 };
  const counts = { started: '2026-11-21T03:00:00Z', secondsStopped: 0, bytes: 0, files: 0 };
  const manifest = manifestSchema.parse({
    ...{ format: 1, hostname: host, archive, created: '2026-11-21T03:00:00Z', kind: 'full', clientVersion: '0' },
    ...{ bytes: 1, sha256: '0'.repeat(64), totals: { files: 0, entries: entries.length, bytes: 0 }, status: 'success' },
    entryList: { name: `${archive}.entries.gz`, bytes, sha256 },
    services: Object.entries(services).map(([service, plugin]) => {
      const [type, name] = service.split('/');
      return { ...fine, ...counts, type, name, tasks: [{ ...fine, plugin, facts: {} }] };
    }),
  });
  fs.writeFileSync(join(directory, '.backup/archive'), archive);
  fs.writeFileSync(join(directory, '.backup/manifest.json'), JSON.stringify(manifest));
}
