// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createEntryListWriter } from '@local-backup/common/entry-list';
import type { Manifest } from '@local-backup/common/manifest';
import { listedEntries } from './listed-tree.ts';

export interface SeedSettings {
  /** Path or name of restic. */
  readonly program: string;
  readonly repository: string;
  readonly passwordFile: string;
  readonly cacheDirectory: string;
  readonly host: string;
  /** The tree that is saved; kept up to date by the test. */
  readonly live: string;
}

export interface Seeded {
  /** When it was stored, as restic takes it, UTC: `2026-11-20 03:00:00`. */
  readonly time: string;
  /** Services, `type/name`; the top two levels of the tree should have them. */
  readonly services: readonly string[];
  /** False: no proof is put beside the tree, as another program would leave it. */
  readonly proof?: boolean;
}

/** Stores a tree as a run of the server would, with what proves it, at a time of the past. Returns the snapshot's whole id. */
export async function seedSnapshot(settings: SeedSettings, { time, services, proof = true }: Seeded): Promise<string> {
  const { program, host, live } = settings;
  const stamp = time.replace(/[-:]/g, '').replace(' ', '_');
  rmSync(join(live, '.backup'), { recursive: true, force: true });
  if (proof) await writeProof(settings, { stamp, services });
  const env = {
    ...{ PATH: process.env.PATH, TZ: 'UTC', RESTIC_REPOSITORY: settings.repository },
    ...{ RESTIC_PASSWORD_FILE: settings.passwordFile, RESTIC_CACHE_DIR: settings.cacheDirectory },
  };
  const restic = (...args: string[]) =>
    execFileSync(program, args, { env, cwd: live, encoding: 'utf8', stdio: 'pipe' });
  if (!existsSync(join(settings.repository, 'config'))) restic('init');
  restic('backup', '--host', host, '--tag', host, '--tag', stamp, '--time', time, '--ignore-inode', '.');
  const all: { readonly id: string; readonly tags: readonly string[] }[] = JSON.parse(restic('snapshots', '--json'));
  return all.find(({ tags }) => tags.includes(stamp))?.id ?? '';
}

async function writeProof(
  { host, live }: SeedSettings,
  { stamp, services }: { readonly stamp: string; readonly services: readonly string[] },
): Promise<void> {
  const directory = join(live, '.backup');
  mkdirSync(directory, { mode: 0o700 });
  const writer = await createEntryListWriter(join(directory, 'entries.gz'));
  for (const entry of listedEntries(live)) writer.add(entry);
  await writer.finish();
  writeFileSync(join(directory, 'manifest.json'), JSON.stringify(manifestOf(host, stamp, services)), { mode: 0o600 });
}

function manifestOf(hostname: string, stamp: string, services: readonly string[]): Manifest {
  const none = '0'.repeat(64);
  const archive = `${hostname}-${stamp}.tar.gz`;
  return {
    ...{ format: 1, hostname, archive, created: '2026-11-20T03:00:00Z', kind: 'full', clientVersion: '1' },
    ...{ bytes: 1, sha256: none, totals: { files: 1, entries: 1, bytes: 1 }, status: 'success' },
    entryList: { name: `${archive}.entries.gz`, bytes: 1, sha256: none },
    services: services.map((path) => {
      const [type = '', name = ''] = path.split('/');
      const times = { started: '2026-11-20T03:00:00Z', seconds: 1, secondsStopped: 0 };
      return { type, name, status: 'success', messages: [], ...times, bytes: 1, files: 1, tasks: [] };
    }),
  };
}
