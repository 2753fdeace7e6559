// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { gunzipFile } from '@local-backup/common/gunzip-file';
import * as z from 'zod';
import { readRecord } from '../../plugin-tools/file-in-copy.ts';

const versionOne = z.looseObject({
  meta: z.looseObject({ fileName: z.string() }),
  files: z
    .array(
      z.looseObject({
        database: z.string(),
        policy: z.string().default('autogen'),
        shardID: z.int().min(0).default(0),
        fileName: z.string(),
      }),
    )
    .nullable(),
});

const shardFiles = z.looseObject({ fileName: z.string() });
const versionTwo = z.looseObject({
  kv: z.looseObject({ fileName: z.string() }),
  sql: z.looseObject({ fileName: z.string() }).optional(),
  buckets: z.array(
    z.looseObject({
      bucketName: z.string(),
      retentionPolicies: z
        .array(
          z.looseObject({ shardGroups: z.array(z.looseObject({ shards: z.array(shardFiles).nullish() })).nullish() }),
        )
        .nullish(),
    }),
  ),
});

/** The server's own database of figures about itself. */
export const OWN = '_internal';

type Content = Omit<BackupContent, 'directory'>;

/** What one backup says of itself. */
export interface BackupContent {
  /** Below the copy: the directory that the backup is in. */
  readonly directory: string;
  /** Databases; buckets of version 2. */
  readonly databases: readonly string[];
  /** Files that have to be there. */
  readonly files: readonly string[];
  /** Of version 1: what a server needs to find the data again; the newest where there are several. Undefined: version 2. */
  readonly meta: string | undefined;
  /** Of version 1: its data. */
  readonly shards: readonly Shard[];
}

/** Data of some days of a retention policy. All of it comes from the copy, and may be hostile. */
export interface Shard {
  readonly database: string;
  readonly policy: string;
  readonly shardID: number;
  readonly fileName: string;
}

/**
 * All backups of a copy: one for everything, or one for each name that was asked for, in a directory of its own. InfluxDB
 * names files after the second they were made in, so that two in one directory overwrite each other.
 * @throws BackupError `untrusted` where there is none, or one that cannot be read
 */
export async function readBackups(copy: string, relative: string): Promise<readonly BackupContent[]> {
  const entries = await readdir(join(copy, relative), { withFileTypes: true }).catch(() => []);
  const below = entries.filter((entry) => entry.isDirectory()).map(({ name }) => `${relative}/${name}`);
  const backups: BackupContent[] = [];
  for (const directory of below.length === 0 ? [relative] : below.sort()) {
    backups.push(await readBackup(copy, directory));
  }
  return backups;
}

/** @param relative the directory, below `copy`, which may be hostile */
async function readBackup(copy: string, relative: string): Promise<BackupContent> {
  const names = await readdir(join(copy, relative)).catch((): string[] => []);
  // Their names are times: the newest is the last.
  const manifests = names.filter((name) => name.endsWith('.manifest')).sort();
  if (manifests.length === 0)
    throw new BackupError('untrusted', `${relative} holds no backup of InfluxDB: no *.manifest.`);
  const all: Content[] = [];
  for (const name of manifests) all.push(await readManifest(copy, `${relative}/${name}`));
  return {
    directory: relative,
    databases: [...new Set(all.flatMap(({ databases }) => databases))],
    files: [...new Set(all.flatMap(({ files }) => files))],
    meta: all.at(-1)?.meta,
    shards: all.flatMap(({ shards }) => shards),
  };
}

async function readManifest(copy: string, relative: string): Promise<Content> {
  const manifest = await readRecord(copy, relative, z.unknown());
  const one = versionOne.safeParse(manifest);
  if (one.success) return contentOfOne(one.data);
  const two = versionTwo.safeParse(manifest);
  if (two.success) return contentOfTwo(two.data);
  throw new BackupError('untrusted', `${showControls(relative)} is no manifest of InfluxDB 1 or 2.`);
}

function contentOfOne({ meta, files }: z.infer<typeof versionOne>): Content {
  const all = files ?? [];
  const shards = all.filter(({ database }) => database !== OWN);
  return {
    databases: shards.map(({ database }) => database),
    files: [meta.fileName, ...all.map(({ fileName }) => fileName)],
    meta: meta.fileName,
    shards,
  };
}

function contentOfTwo({ kv, sql, buckets }: z.infer<typeof versionTwo>): Content {
  const policies = buckets.flatMap(({ retentionPolicies }) => retentionPolicies ?? []);
  const shards = policies.flatMap(({ shardGroups }) => shardGroups ?? []).flatMap((group) => group.shards ?? []);
  const own = [kv.fileName, ...(sql === undefined ? [] : [sql.fileName])];
  return {
    databases: buckets.map(({ bucketName }) => bucketName),
    files: [...own, ...shards.map(({ fileName }) => fileName)],
    meta: undefined,
    shards: [],
  };
}

/**
 * What is wrong with the files of a backup; one after the other, for there may be thousands.
 * @param root directory that the backup's directory is below
 */
export async function problemsOf(root: string, { directory, files }: BackupContent): Promise<readonly string[]> {
  const problems: string[] = [];
  for (const name of files) {
    const problem = await problemOf(join(root, directory), name);
    if (problem !== undefined) problems.push(problem);
  }
  return problems;
}

/**
 * Proves a backup that was just made. influxd itself takes one without its shards for a success when it is restored.
 * @throws BackupError `failed`
 */
export async function requireWhole(root: string, backup: BackupContent): Promise<void> {
  const [problem] = await problemsOf(root, backup);
  if (problem === undefined) return;
  throw new BackupError('failed', `The backup that InfluxDB wrote is not whole: ${problem}.`);
}

/**
 * What is wrong with a file of a backup, undefined where nothing is: it has to be there, as a file, and not be empty;
 * a compressed one has to be whole.
 */
async function problemOf(directory: string, name: string): Promise<string | undefined> {
  const shown = showControls(name);
  if (name.includes('/') || name === '..') return `${shown} is no name of a file`;
  const file = join(directory, name);
  const facts = await lstat(file).catch(() => undefined);
  if (facts === undefined) return `${shown} is missing`;
  if (!facts.isFile()) return `${shown} is no regular file`;
  if (facts.size === 0) return `${shown} is empty`;
  return name.endsWith('.gz') && !(await isWhole(file))
    ? `${shown} is damaged: gzip cannot read it to its end`
    : undefined;
}

/** Reads it to its end and keeps nothing of it: however much comes out, it costs time alone. */
async function isWhole(file: string): Promise<boolean> {
  let bytes = 0;
  try {
    for await (const piece of gunzipFile(file)) bytes += piece.length;
  } catch (error) {
    if (error instanceof BackupError) return false;
    throw error;
  }
  return bytes > 0;
}
