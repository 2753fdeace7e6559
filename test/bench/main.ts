// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startSshd } from '../helpers/sshd.ts';
import { type DayResult, prepareOurs, runOurs, runReference } from './pipelines.ts';

/*
 * The reference pipeline (reference-pipeline.sh, made of shell tools) and ours, side by side in one run, on the same
 * data and the same machine: day 1, then a few changes, then day 2. Needs root, restic, rsync, jq and an sshd.
 *
 *   npm run bench -- [--profile webapp|files] [--scale 1] [--days 2] [--keep]
 */
const { values } = parseArgs({
  options: {
    profile: { type: 'string', default: 'webapp' },
    scale: { type: 'string', default: '1' },
    days: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
  },
});

async function main(): Promise<void> {
  execFileSync(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' });
  const root = mkdtempSync(join(tmpdir(), 'backup-bench-'));
  const data = join(root, 'data');
  const sshd = await startSshd({ forceInternalSftp: true });
  try {
    mkdirSync(join(root, 'reference'));
    for (let day = 1; day <= Number(values.days); day++) {
      generate(data, day);
      if (day === 1) await prepareOurs(join(root, 'ours'), data, sshd);
      settle(data);
      const reference = await runReference(join(root, 'reference'), data);
      settle(data);
      print(day, reference, await runOurs(join(root, 'ours')));
    }
  } finally {
    await sshd.stop();
    if (values.keep) process.stdout.write(`kept: ${root}\n`);
    else rmSync(root, { recursive: true, force: true });
  }
}

function generate(data: string, day: number): void {
  const script = resolve('test/bench/gen-dataset.mjs');
  const args = [script, values.profile, data, '--day', String(day)];
  execFileSync(process.execPath, day === 1 ? [...args, '--scale', values.scale] : args, { stdio: 'ignore' });
}

/** Both pipelines begin with the data in memory and nothing left to write: neither profits from going second. */
function settle(data: string): void {
  execFileSync('sh', ['-c', 'sync; find "$1" -type f -exec cat {} + > /dev/null', 'settle', data]);
}

function print(day: number, reference: DayResult, ours: DayResult): void {
  const lines = [
    `\nday ${day}, ${values.profile}, scale ${values.scale}          reference       ours      ratio`,
    row('wall, seconds', reference.wall, ours.wall, 1),
    row('CPU, seconds', reference.cpu, ours.cpu, 1),
    row('wire, MB', reference.wire / 1e6, ours.wire / 1e6, 0),
    row('temporary disk on the client, MB', reference.clientTemporary / 1e6, ours.clientTemporary / 1e6, 0),
    row('temporary disk on the server, MB', reference.serverTemporary / 1e6, ours.serverTemporary / 1e6, 0),
    `${'peak memory, MB (client, server)'.padEnd(40)}${`${mega(ours.clientMemory)}, ${mega(ours.serverMemory)}`.padStart(22)}`,
    ...steps('reference', reference),
    ...steps('ours', ours),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

function row(name: string, reference: number, ours: number, digits: number): string {
  const columns = [reference.toFixed(digits), ours.toFixed(digits)].map((text) => text.padStart(11)).join('');
  return `${name.padEnd(40)}${columns}${(ours / reference).toFixed(2).padStart(11)}`;
}

function steps(name: string, { stages }: DayResult): string[] {
  return [`  ${name}, seconds: ${stages.map(({ stage, seconds }) => `${stage} ${seconds.toFixed(1)}`).join(', ')}`];
}

function mega(bytes: number): string {
  return (bytes / 1e6).toFixed(0);
}

await main();
