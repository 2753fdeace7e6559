// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { createStream } from '@local-backup/common/exec';
import { sizeThreadPool } from '@local-backup/common/thread-pool';
import { createArchiveWriter } from '../../packages/client/src/archive.ts';

/*
 * How long a service stands still while its data is read: through the compressor, and into a temporary tar first. The same
 * data (random bytes, which compress badly), the same machine, in turns; gzip at the default level on all cores.
 *
 *   node scripts/run-ts.mjs test/bench/stopped.ts [--megabytes 1000] [--files 1000] [--rounds 3] [--directory /tmp]
 */
const { values } = parseArgs({
  options: {
    megabytes: { type: 'string', default: '1000' },
    files: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    directory: { type: 'string', default: tmpdir() },
  },
});

interface Round {
  readonly stopped: number;
  readonly all: number;
}

async function main(): Promise<void> {
  sizeThreadPool(cpus().length);
  const root = mkdtempSync(join(values.directory, 'stopped-bench-'));
  try {
    generate(join(root, 'data'));
    const through: Round[] = [];
    const held: Round[] = [];
    for (let round = 0; round < Number(values.rounds); round++) {
      through.push(await measure(root, false));
      held.push(await measure(root, true));
    }
    print(through, held);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function generate(data: string): void {
  mkdirSync(data);
  const size = Math.floor((Number(values.megabytes) * 1e6) / Number(values.files));
  const script = 'for i in $(seq "$1"); do head -c "$2" /dev/urandom > "$0/$i"; done';
  execFileSync('sh', ['-c', script, data, values.files, String(size)]);
}

async function measure(root: string, hold: boolean): Promise<Round> {
  const [file, entryListFile] = [join(root, 'archive'), join(root, 'entries')];
  execFileSync('sh', ['-c', 'sync; cat "$0"/* > /dev/null', join(root, 'data')]);
  const writer = await createArchiveWriter({
    ...{ file, entryListFile, gzipLevel: 2, concurrency: cpus().length, tarCommand: ['tar'] },
    stream: createStream({ scrub: (text) => text }),
    signal: new AbortController().signal,
    timeoutMs: 3_600_000,
  });
  const request = { prefix: 'a/b', root, paths: [bytePathOfText('data')], exclude: [], parents: true };
  const begun = performance.now();
  const tree = hold
    ? await writer.holdTree({ ...request, oneFileSystem: false }, { directory: root, minFreeBytes: 0 })
    : undefined;
  if (hold && tree === undefined) throw new Error(`no room in ${root}`);
  if (tree === undefined) await writer.addTree({ ...request, oneFileSystem: false });
  const stopped = (performance.now() - begun) / 1000;
  if (tree !== undefined) await writer.addHeld(tree);
  await writer.finish();
  const all = (performance.now() - begun) / 1000;
  for (const name of [file, entryListFile]) rmSync(name);
  return { stopped, all };
}

function print(through: readonly Round[], held: readonly Round[]): void {
  const row = (name: string, of: (round: Round) => number) => {
    const [before, after] = [median(through.map(of)), median(held.map(of))];
    const columns = [before.toFixed(2), after.toFixed(2), (after / before).toFixed(2)].map((text) => text.padStart(14));
    return `${name.padEnd(24)}${columns.join('')}`;
  };
  const lines = [
    `${values.megabytes} MB in ${values.files} files, median of ${values.rounds} rounds, ${cpus().length} cores`,
    `${''.padEnd(24)}${['compressor', 'temporary tar', 'ratio'].map((text) => text.padStart(14)).join('')}`,
    row('stopped, seconds', ({ stopped }) => stopped),
    row('all in all, seconds', ({ all }) => all),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

await main();
