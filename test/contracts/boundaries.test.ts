// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** A file with one offence, and words out of the complaint that it must raise. */
type Offence = readonly [path: string, text: string, complaint: string];

const SIDES: readonly Offence[] = [
  ['packages/common/src/a.ts', "import '@local-backup/client/plugin';", 'common knows neither side'],
  ['packages/common/src/b.ts', "import '../../server/src/host.ts';", 'common knows neither side'],
  ['packages/client/src/a.ts', "import '../../server/src/host.ts';", 'client never imports the server'],
  [
    'packages/client/src/b.ts',
    "import type { Host } from '@local-backup/server/host';",
    'client never imports the server',
  ],
  ['packages/server/src/a.ts', "import '@local-backup/client/plugin';", 'server never imports the client'],
  ['packages/server/src/b.test.ts', "await import('../../client/src/plugin.ts');", 'server never imports the client'],
  ['packages/server/src/drill/a.ts', "import '@local-backup/client/verify-copy';", 'server never imports the client'],
  [
    'packages/server/src/drill/services/a.ts',
    "import '@local-backup/client/plugins';",
    'server never imports the client',
  ],
  [
    'packages/server/src/drill/services/b.ts',
    "import '@local-backup/client/plugin';",
    'server never imports the client',
  ],
  [
    'packages/server/src/drill/services/c.ts',
    "import '../../../../client/src/verify-copy.ts';",
    'server never imports the client',
  ],
  ['packages/server/src/commands/b.ts', "import '@local-backup/client/plugins';", 'server never imports the client'],
  ['packages/server/src/c.ts', "import '../../common/src/errors.ts';", 'by its package name'],
];

const WRAPPED_MODULES: readonly Offence[] = [
  ['packages/common/src/exec-more.ts', "import { execa } from 'execa';", 'Only common/src/exec.ts uses execa'],
  ['packages/server/src/d.ts', "import type { Options } from 'execa';", 'Only common/src/exec.ts uses execa'],
  ['packages/client/src/c.ts', "export const a = await import('execa');", 'Only common/src/exec.ts uses execa'],
  ['packages/client/src/d.ts', "import 'proper-lockfile';", 'Only common/src/instance-lock.ts'],
  ['packages/server/src/e.ts', "import 'nodemailer';", 'Only common/src/mail.ts'],
  ['packages/server/src/f.ts', "import 'nodemailer/lib/mailer';", 'Only common/src/mail.ts'],
  ['packages/client/src/e.ts', "import 'pino';", 'Only common/src/log*.ts'],
  ['packages/server/src/sources/archive/a.ts', "import 'ssh2';", 'Only server/src/remotes/sftp'],
  ['packages/client/src/f.ts', "import 'commander';", 'Only cli.ts and commands/ use commander'],
];

const LAYERS: readonly Offence[] = [
  ['packages/client/src/g.ts', "import './cli.ts';", 'Nothing imports cli.ts'],
  ['packages/server/src/g.ts', "import './commands/backup.ts';", 'Only cli.ts and cli/ import commands/'],
  ['packages/server/src/h.ts', "import './stores/restic/index.ts';", 'Only commands/ builds adapters'],
  ['packages/server/src/i.ts', "import './remotes/sftp/connect.ts';", 'Only commands/ builds adapters'],
  ['packages/server/src/report/a.ts', "import '../outputs/email/index.ts';", 'Only commands/ builds adapters'],
  ['packages/server/src/j.ts', "import './sources/archive/index.ts';", 'Only commands/ builds adapters'],
  ['packages/client/src/h.ts', "import './plugins/index.ts';", 'Only commands/ builds adapters'],
  [
    'packages/server/src/sources/archive/b.ts',
    "import '../../remotes/sftp/index.ts';",
    'Only commands/ builds adapters',
  ],
  ['packages/server/src/stores/store.ts', "import './restic/index.ts';", 'knows none of its adapters'],
  ['packages/server/src/stores/restic/a.ts', "import '../../backup-host.ts';", 'does not call the pipeline'],
];

const PURE: readonly Offence[] = [
  ['packages/server/src/select.ts', "import { readFile } from 'node:fs/promises';", 'does no IO'],
  ['packages/client/src/keep.ts', "import 'node:fs';", 'does no IO'],
  ['packages/server/src/report/report.ts', "import { spawn } from 'node:child_process';", 'does no IO'],
  ['packages/server/src/outputs/email/render-host.ts', "import { connect } from 'node:net';", 'does no IO'],
  ['packages/server/src/stores/restic/args.ts', "import { hostname } from 'node:os';", 'does no IO'],
  ['packages/server/src/stores/restic/messages.ts', "import { run } from '@local-backup/common/exec';", 'does no IO'],
  ['packages/common/src/manifest.ts', "export { stat } from 'node:fs';", 'does no IO'],
  ['packages/common/src/entry.ts', "export const a = import('node:fs');", 'does no IO'],
  ['packages/common/src/status.ts', 'export const a = () => Date.now();', 'as arguments'],
  ['packages/common/src/spool.ts', 'export const a = () => new Date();', 'as arguments'],
  ['packages/common/src/archive-name.ts', 'export const a = () => Math.random();', 'as arguments'],
  ['packages/common/src/byte-path.ts', 'export const a = process.env;', 'as arguments'],
];

const ENDING: readonly Offence[] = [
  ['packages/client/src/i.ts', 'process.exit(1);', 'Only cli.ts ends the program'],
  ['packages/server/src/commands/a.ts', 'process.exitCode = 1;', 'Only cli.ts ends the program'],
];

const RULES: readonly Offence[] = [
  ['packages/common/src/c.ts', "import { z } from 'zod';\nexport const a = z.string();", "import * as z from 'zod'"],
  ['packages/common/src/d.ts', 'export async function a() {}\na();', 'noFloatingPromises'],
  ['packages/common/src/e.ts', "import { f } from './f.ts';\nexport const e = () => f;", 'noImportCycles'],
  ['packages/common/src/f.ts', "import { e } from './e.ts';\nexport const f = () => e;", 'noImportCycles'],
  ['packages/common/src/g.ts', 'export default 1;', 'noDefaultExport'],
  ['packages/common/src/h.ts', "console.log('a');", 'noConsole'],
  ['packages/common/src/i.ts', 'export enum A { B }', 'noEnum'],
  ['packages/common/src/j.ts', "export { e } from './e.ts';\nexport { f } from './f.ts';", 'noBarrelFile'],
  ['packages/common/src/k.ts', 'export const a = (b: any) => b;', 'noExplicitAny'],
  ['packages/common/src/l.ts', 'export const a = (b?: string) => b!.length;', 'noNonNullAssertion'],
  ['packages/common/src/m.ts', "import { e } from './e';\nexport const m = e;", 'useImportExtensions'],
  ['packages/common/src/n.ts', "import { Readable } from 'node:stream';\nexport type A = Readable;", 'useImportType'],
  ['packages/common/src/o.ts', 'export const a = (b: 1, c: 2, d: 3, e: 4, f: 5) => [b, c, d, e, f];', 'useMaxParams'],
  ['packages/common/src/p.ts', `export function a() {\n${'  a();\n'.repeat(51)}}`, 'noExcessiveLinesPerFunction'],
  ['packages/common/src/q.ts', 'export {};\n'.repeat(251), 'noExcessiveLinesPerFile'],
  ['packages/common/src/r.ts', nestedIfs(6), 'noExcessiveCognitiveComplexity'],
  ['packages/common/src/s.ts', "import 'left-pad';", 'noUndeclaredDependencies'],
  ['packages/common/src/CamelCase.ts', 'export const a = 1;', 'useFilenamingConvention'],
  ['packages/common/src/t.test.ts', "import { it } from 'vitest';\nit.skip('a', () => undefined);", 'noSkippedTests'],
];

/** What the same rules must let pass. */
const LEGAL: readonly (readonly [path: string, text: string])[] = [
  ['packages/common/src/exec.ts', "import { execa } from 'execa';\nexport const run = execa;"],
  ['packages/common/src/log-pretty.ts', "import { pino } from 'pino';\nexport const log = pino;"],
  ['packages/server/src/remotes/sftp/connect.ts', "import { Client } from 'ssh2';\nexport const client = Client;"],
  [
    'packages/client/src/commands/backup.ts',
    "import { files } from '../plugins/files/index.ts';\nexport const a = files;",
  ],
  ['packages/client/src/plugins/files/index.ts', "import { b } from './b.ts';\nexport const files = b;"],
  ['packages/client/src/plugins/files/b.ts', 'export const b = 1;'],
  [
    'packages/client/src/plugins/index.ts',
    "import { files } from './files/index.ts';\nexport const plugins = [files];",
  ],
  [
    'packages/server/src/drill/services/d.ts',
    "import { a } from '@local-backup/client/verify-copy';\nexport const d = a;",
  ],
  [
    'packages/server/src/commands/verify-copy.ts',
    "import { a } from '@local-backup/client/plugins';\nexport const b = a;",
  ],
  ['packages/server/src/k.ts', "import { a } from './stores/restic/options.ts';\nexport const k = a;"],
  ['packages/server/src/stores/restic/options.ts', "import * as z from 'zod';\nexport const a = z.string();"],
  [
    'packages/server/src/report/render.ts',
    "import type { Stats } from 'node:fs';\nexport const size = (s: Stats) => s.size;",
  ],
  [
    'packages/server/src/report/render.test.ts',
    "import { it } from 'vitest';\nimport 'node:fs';\nit('a', () => undefined);",
  ],
  ['packages/client/src/cli.ts', "console.log('a');\nprocess.exitCode = 1;"],
];

const ALL = [...SIDES, ...WRAPPED_MODULES, ...LAYERS, ...PURE, ...ENDING, ...RULES];
const repository = fileURLToPath(new URL('../..', import.meta.url));
const BIOME = join(repository, 'node_modules/.bin/biome');
const firstLine = (text: string) => text.split('\n', 1)[0] ?? '';

/** `count` conditions inside each other; they weigh 1 + 2 + ... + count. */
function nestedIfs(count: number): string {
  return `export function a(b: number) {\n${'if (b > 1) {'.repeat(count)} b++; ${'}'.repeat(count)}\nreturn b;\n}`;
}

/** Lints a copy of the workspace; complaints that fail a check, by path. */
function lint(workspace: string): ReadonlyMap<string, string> {
  const { stdout } = spawnSync(BIOME, ['lint', '--reporter=json', '--max-diagnostics=none', '.'], { cwd: workspace });
  const { diagnostics } = JSON.parse(stdout.toString()) as {
    diagnostics: { severity: string; category: string; message: string; location: { path: string } }[];
  };
  const complaints = new Map<string, string>();
  for (const { severity, category, message, location } of diagnostics) {
    if (severity !== 'error') continue;
    const before = complaints.get(location.path) ?? '';
    complaints.set(location.path, `${before}${category}: ${message}\n`);
  }
  return complaints;
}

describe('lint', () => {
  let workspace: string;
  let complaints: ReadonlyMap<string, string>;

  beforeAll(() => {
    workspace = mkdtempSync(join(tmpdir(), 'boundaries-'));
    const kept = ['biome.json', '.gitignore', 'package.json', 'tsconfig.json', 'scripts/lint'];
    const manifests = ['common', 'client', 'server'].map((name) => `packages/${name}/package.json`);
    for (const path of [...kept, ...manifests])
      cpSync(join(repository, path), join(workspace, path), { recursive: true });
    for (const [path, text] of [...ALL, ...LEGAL]) {
      mkdirSync(dirname(join(workspace, path)), { recursive: true });
      writeFileSync(join(workspace, path), `${text}\n`);
    }
    complaints = lint(workspace);
  });

  afterAll(() => rmSync(workspace, { recursive: true, force: true }));

  it.each(ALL.map(([path, text, complaint]) => [path, firstLine(text), complaint]))(
    '%s: %s',
    (path, _line, complaint) => {
      expect(complaints.get(path) ?? 'no complaint').toContain(complaint);
    },
  );

  it.each(LEGAL.map(([path, text]) => [path, firstLine(text)]))('%s may: %s', (path) => {
    expect(complaints.get(path) ?? 'no complaint').toBe('no complaint');
  });

  it('fails a check by its exit code', () => {
    const { status } = spawnSync(BIOME, ['check', '--error-on-warnings', 'packages/client/src/i.ts'], {
      cwd: workspace,
    });
    expect(status).toBe(1);
  });
});
