// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { isBuiltin } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const repository = fileURLToPath(new URL('../..', import.meta.url));
const { version } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { version: string };

const PROGRAMS = ['backup-client', 'backup-server'];
/** The oldest release that Debian 12 and Ubuntu 24.04 have, and those of Debian 13 and Ubuntu 26.04. */
const RELEASES = ['18', '20', '22'];

/** The real binary of a Node release, out of npm. */
function nodeBinary(release: string): string {
  return join(repository, `test/node-versions/node_modules/node-linux-${process.arch}-${release}/bin/node`);
}

describe('the bundles', () => {
  let directory: string;
  const bundle = (program: string) => join(directory, `${program}.cjs`);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'bundle-'));
    await run(process.execPath, ['scripts/build.mjs', '--outdir', directory], { cwd: repository });
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  it.each(PROGRAMS)('%s minds no reader that leaves: -h | true', async (program) => {
    const line = `{ "$0" "$1" -h; echo "ended with $?" >&2; } | true`;
    const { stderr } = await run('sh', ['-c', line, process.execPath, bundle(program)]);
    expect(stderr).toBe('ended with 0\n');
  });

  describe.each(RELEASES)('on Node %s', (release) => {
    it('run on that release', async () => {
      const { stdout } = await run(nodeBinary(release), ['--version']);
      expect(stdout).toMatch(new RegExp(`^v${release}\\.`));
    });

    it.each(PROGRAMS)('%s --version', async (program) => {
      const { stdout, stderr } = await run(nodeBinary(release), [bundle(program), '--version'], { cwd: directory });
      expect(stdout.trim().split(' ').at(-1)).toBe(version);
      expect(stderr).toBe('');
    });

    it.each(PROGRAMS)('%s --help', async (program) => {
      const { stdout, stderr } = await run(nodeBinary(release), [bundle(program), '--help'], { cwd: directory });
      expect(stdout).toContain(`Usage: ${program}`);
      expect(stdout).toMatch(/^ +backup\b/m);
      expect(stderr).toBe('');
    });
  });

  it.each(PROGRAMS)('%s needs nothing but Node', async (program) => {
    const text = await readFile(bundle(program), 'utf8');
    const required = [...text.matchAll(/\b(?:require|import)\(\s*["'`]([^"'`]+)["'`]\s*\)/g)].map(
      ([, name = '']) => name,
    );
    expect(required).toContain('node:path');
    expect([...new Set(required)].filter((name) => !isBuiltin(name))).toEqual([]);
  });

  it.each(PROGRAMS)('%s can be started as it is', async (program) => {
    expect((await stat(bundle(program))).mode & 0o777).toBe(0o755);
    const { stdout } = await run(bundle(program), ['--version']);
    expect(stdout).toContain(version);
  });
});
