// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launcher } from '../../scripts/deb/launcher.ts';

/* How fast programs start is not measured here, but what they load first: docs/decisions.md has the figures. */

const root = fileURLToPath(new URL('../..', import.meta.url));
let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'deb-start-'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('what stands in /opt/backup/bin', () => {
  let program: string;
  const call = (...args: string[]) => execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' });

  beforeAll(() => {
    for (const name of ['bin', 'lib']) mkdirSync(join(work, name));
    writeFileSync(join(work, 'bin/backup-x'), launcher('backup-x', '1.2.3'));
    writeFileSync(join(work, 'lib/backup-x.cjs'), 'console.log(JSON.stringify(process.argv.slice(1)))');
    program = join(work, 'linked');
    symlinkSync('bin/backup-x', program);
  });

  it.each(['--version', '-V'])('answers %s without the program', (option) => {
    expect(call(option)).toBe('backup-x Version 1.2.3\n');
  });

  it.each([[], ['backup'], ['--version', 'x'], ['-c', '-V'], ['']])('hands %j over to the program', (...args) => {
    expect(JSON.parse(call(...args))).toEqual([join(work, 'lib/backup-x.cjs'), ...args]);
  });
});

it.each(['client', 'server'])(
  'the command line of the %s needs nothing but commander before a command is called',
  async (side) => {
    const { metafile } = await build({
      absWorkingDir: root,
      entryPoints: [`packages/${side}/src/cli.ts`],
      bundle: true,
      platform: 'node',
      format: 'cjs',
      outdir: work,
      external: ['cpu-features', '*.node'],
      metafile: true,
      write: false,
      logLevel: 'error',
    });
    const first = new Set<string>();
    const follow = (file: string): void => {
      if (first.has(file)) return;
      first.add(file);
      for (const { path, kind, external } of metafile.inputs[file]?.imports ?? []) {
        if (kind !== 'dynamic-import' && external !== true) follow(path);
      }
    };
    follow(`packages/${side}/src/cli.ts`);
    const packages = [...first].flatMap((file) => /\.pnpm\/([^@/]+)@/.exec(file)?.[1] ?? []);
    expect([...new Set(packages)]).toEqual(['commander']);
    // Of our own a few files: the commands, how errors are reported, words that options can be.
    expect([...first].filter((file) => !file.includes('node_modules')).length).toBeLessThan(30);
  },
);
