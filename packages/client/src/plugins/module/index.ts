// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stampOf } from '@local-backup/common/archive-name';
import { BackupError, describeError } from '@local-backup/common/errors';
import { definePlugin, type PluginContext } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { fileInCopy, readRecord } from '../../plugin-tools/file-in-copy.ts';
import { ORIGINS, type Origin } from './configuration.ts';
import { findModules } from './find-modules.ts';
import { type HostStatus, hostStatusOf, hostStatusSchema } from './host-status.ts';
import { md5Of } from './md5.ts';
import { type ModuleOptions, options } from './options.ts';
import type { Validation } from './reports.ts';
import { DIRECTORY, restore } from './restore.ts';
import { insideOf, type ModuleResult, runModule } from './run-module.ts';

const STATUS = 'host_status.json';

/** Runs the modules of the Modular Backup System, `backup_<name>()` in `<name>.sh`, as they are. */
export const module = definePlugin<ModuleOptions>({
  name: 'module',
  summary: 'Runs backup modules of the original Modular Backup System, `backup_<name>()` in `<name>.sh`, unchanged.',
  options,
  describe: ({ directory, only }) => `modules of ${directory}${only === undefined ? '' : `: ${only.join(', ')}`}`,

  async validate({ options: task }) {
    const { notes, warnings } = await findModules(task);
    return [...notes, ...warnings];
  },

  async run(context) {
    const { modules, notes, warnings: left } = await findModules(context.options);
    for (const note of notes) context.log.info(note);
    const directory = join(context.stage, DIRECTORY);
    await mkdir(directory, { mode: 0o700 });
    const started = new Date();
    const { results, warnings, origins } = await runAll(modules, directory, context, stampOf(started));
    const status = hostStatusOf(results, { host: hostname(), started, ended: new Date() });
    await writeJson(join(directory, STATUS), status);
    await writeJson(join(directory, ORIGINS), { modules: origins });
    return {
      warnings: [...left, ...warnings],
      failures: results.flatMap(({ problem }) => problem ?? []),
      facts: {
        modules: modules
          .map(({ name }) => name)
          .join(', ')
          .slice(0, 1_000),
      },
    };
  },

  verify: lookAt,
  restore,
});

async function writeJson(file: string, value: object): Promise<void> {
  await writeFile(file, `${JSON.stringify(value, undefined, 2)}\n`, { mode: 0o600 });
}

async function runAll(
  modules: readonly { readonly name: string; readonly file: string }[],
  directory: string,
  context: PluginContext<ModuleOptions>,
  stamp: string,
): Promise<{
  readonly results: readonly ModuleResult[];
  readonly warnings: readonly string[];
  readonly origins: Readonly<Record<string, readonly Origin[]>>;
}> {
  const reports = await mkdtemp(join(tmpdir(), 'backup-modules-'));
  try {
    const results: ModuleResult[] = [];
    const warnings: string[] = [];
    const origins: Record<string, readonly Origin[]> = {};
    for (const found of modules) {
      context.log.info(`Found module: ${found.name}`);
      const reportFile = join(reports, found.name);
      const around = { directory, reportFile, hostname: hostname(), stamp };
      const ran = await runModule(found, context, around);
      results.push(...ran.results);
      warnings.push(...ran.warnings);
      origins[found.name] = ran.origins;
    }
    return { results, warnings, origins };
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

/** Every component that succeeded when it was saved has something in the copy, with the files that were reported. */
async function lookAt(context: CopyContext<ModuleOptions>): Promise<readonly Check[]> {
  const name = `${DIRECTORY}/${STATUS}`;
  try {
    const { components } = await readRecord(context.copy, name, hostStatusSchema);
    const checks: Check[] = [];
    for (const [component, status] of Object.entries(components)) {
      checks.push({ name: component, ...(await judge(component, status, context)) });
    }
    return checks;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return [{ name, status: 'failed', message: describeError(error) }];
  }
}

type Component = HostStatus['components'][string];

async function judge(
  component: string,
  { status, module: own = component, validation }: Component,
  context: CopyContext<ModuleOptions>,
): Promise<Omit<Check, 'name'>> {
  if (status !== 'success') return { status: 'ok', message: `${status} when it was saved` };
  const directory = join(DIRECTORY, own);
  const facts = await lstat(join(context.copy, directory)).catch(() => undefined);
  const isThere = insideOf(own) === own && facts?.isDirectory() === true;
  if (!isThere || (await readdir(join(context.copy, directory))).length === 0) {
    return { status: 'failed', message: 'is not in the copy' };
  }
  const files = validation?.files ?? [];
  for (const file of files) {
    const problem = await fileProblem(directory, file, context);
    if (problem !== undefined) return { status: 'failed', message: problem };
  }
  return { status: 'ok', message: files.length === 0 ? status : `${status}, ${files.length} files` };
}

async function fileProblem(
  directory: string,
  { path, md5 }: Validation['files'][number],
  { copy, level, signal }: CopyContext<ModuleOptions>,
): Promise<string | undefined> {
  signal.throwIfAborted();
  const inside = insideOf(path);
  if (inside === undefined) return `${path} is outside its directory`;
  try {
    const file = await fileInCopy(copy, join(directory, inside));
    const isSame = level === 'quick' || md5 === undefined || md5 === (await md5Of(file));
    return isSame ? undefined : `${path} is not what it was: its md5 differs`;
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return error.message;
  }
}
