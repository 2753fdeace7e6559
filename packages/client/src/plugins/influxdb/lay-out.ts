// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, open, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { CopyContext } from '../../plugin-copy.ts';
import { fileInCopy } from '../../plugin-tools/file-in-copy.ts';
import { giveToThrowAwayUser } from '../../plugin-tools/throw-away-user.ts';
import type { BackupContent, Shard } from './backup-content.ts';
import type { InfluxOptions } from './options.ts';

/** Metadata of a server with thousands of shards are some megabytes. */
const LARGEST_META = 256 * 1024 * 1024;

/** Of a file, in bytes, on every file system of Linux. */
const LONGEST_NAME = 255;

type Context = CopyContext<InfluxOptions>;

/**
 * Lays a portable backup out as the data directory of a server: `meta/meta.db`, and the files of every shard in
 * `data/<database>/<policy>/<number>/` (the same names that are in its tar file). No server has to run for that, as one has to
 * for `influxd restore`, which needs a network.
 * @param root an empty directory of the throw-away account
 * @throws BackupError `untrusted`, `failed`
 */
export async function layOut(backup: BackupContent, root: string, context: Context): Promise<void> {
  const { meta, shards, directory } = backup;
  if (meta === undefined) throw new BackupError('untrusted', 'The backup is none of InfluxDB 1.');
  for (const name of ['meta', 'data', 'wal']) await makeOwn(join(root, name));
  const packed = await readMeta(await fileInCopy(context.copy, `${directory}/${meta}`));
  await writeFile(join(root, 'meta/meta.db'), unpackMeta(packed), { mode: 0o600 });
  await giveToThrowAwayUser(join(root, 'meta/meta.db'));
  for (const shard of shards) await unpackShard(shard, directory, { root: join(root, 'data'), context });
}

async function readMeta(file: string): Promise<Buffer> {
  const handle = await open(file);
  try {
    if ((await handle.stat()).size > LARGEST_META) throw new BackupError('untrusted', 'The metadata are too large.');
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}

/** Tag of field 1, of bytes, in a message of Protocol Buffers. */
const FIELD_ONE = 0x0a;
const MOST_LENGTH_BYTES = 5;

/** The content of `meta.db` is field 1 of the message in a portable backup (`PortablePacker` of influxdb/cmd/influxd). */
export function unpackMeta(packed: Buffer): Buffer {
  let length = 0;
  for (let at = 1; packed[0] === FIELD_ONE && at <= MOST_LENGTH_BYTES; at += 1) {
    const byte = packed[at] ?? 0;
    length += (byte & 0x7f) * 128 ** (at - 1);
    if (byte >= 0x80) continue;
    const start = at + 1;
    if (start + length > packed.length) break;
    return packed.subarray(start, start + length);
  }
  throw new BackupError('untrusted', 'The metadata in the copy are not whole.');
}

async function unpackShard(
  { database, policy, shardID, fileName }: Shard,
  directory: string,
  { root, context }: { readonly root: string; readonly context: Context },
): Promise<void> {
  const { tools, exec, options, signal } = context;
  let place = root;
  for (const name of [database, policy, String(shardID)]) {
    if (/[/\0]|^\.{0,2}$/.test(name) || Buffer.byteLength(name) > LONGEST_NAME)
      throw new BackupError('untrusted', `${showControls(name.slice(0, LONGEST_NAME))} is no name of a database.`);
    place = join(place, name);
    await makeOwn(place);
  }
  const [program = 'tar', ...first] = tools.tar;
  // Whatever the names in it are, all files land in this one directory.
  const args = [...first, '--extract', '--gzip', '--no-same-owner', '--transform=s,.*/,,', '--exclude=*/index/*'];
  const input = await open(await fileInCopy(context.copy, `${directory}/${fileName}`));
  try {
    const limits = { timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal };
    const account = await giveToThrowAwayUser();
    await exec(program, args, { ...limits, ...account, cwd: place, stdin: input.fd });
  } finally {
    await input.close();
  }
  await keepDataOnly(place);
}

/** What a server makes anew from the data is not taken from a copy. */
async function keepDataOnly(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = join(directory, name);
    if ((await lstat(file)).isFile() && /\.(?:tsm|tombstone)$/.test(name)) continue;
    await rm(file, { recursive: true, force: true });
  }
}

async function makeOwn(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await giveToThrowAwayUser(directory);
}
