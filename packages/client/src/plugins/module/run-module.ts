// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, lstat, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { DRIVER, NO_FUNCTION } from './driver.ts';
import type { ModuleOptions } from './options.ts';
import { type ModuleReport, parseReports } from './reports.ts';

type Context = PluginContext<ModuleOptions>;

export interface ModuleResult extends ModuleReport {
  /** Why it is not a success; undefined where it is. */
  readonly problem: string | undefined;
}

export interface Surroundings {
  /** Directory that the modules' directories are in; it stands for the dated directory of the original. */
  readonly directory: string;
  /** A file outside of what is saved. */
  readonly reportFile: string;
  readonly hostname: string;
  /** `YYYYmmdd_HHMMSS` */
  readonly stamp: string;
}

/** Runs one module; whatever it comes to is in the result, so that the others have their turn (A14). */
export async function runModule(
  module: { readonly name: string; readonly file: string },
  context: Context,
  around: Surroundings,
): Promise<readonly ModuleResult[]> {
  const { name } = module;
  const component = join(around.directory, name);
  for (const part of ['config', 'data']) await mkdir(join(component, part), { recursive: true, mode: 0o700 });
  await copyConfiguration(name, component, context);
  const { isConfigOnly, problem } = await callModule(module, component, context, around);
  if (isConfigOnly) return [await configOnly(name, component)];
  const reports = parseReports(await readFile(around.reportFile, 'utf8').catch(() => ''));
  const named = reports.some((report) => report.name === name)
    ? reports
    : [...reports, await unreported(name, component)];
  return Promise.all(
    named.map(async (report) => ({ ...report, problem: await problemOf(report, problem, component, name) })),
  );
}

async function callModule(
  { name, file }: { readonly name: string; readonly file: string },
  component: string,
  { exec, options, signal, log }: Context,
  around: Surroundings,
): Promise<{ readonly isConfigOnly: boolean; readonly problem: string | undefined }> {
  const { directory, hostname, stamp, reportFile } = around;
  const env = {
    BACKUP_PATH: directory,
    BACKUP_DIR: directory,
    DATE: stamp,
    HOST_NAME: hostname,
    CIFS_MOUNT: directory,
  };
  try {
    const { exitCode, stdout } = await exec('bash', ['-c', DRIVER, 'module', file, name, component], {
      cwd: component,
      env: { ...env, LOCAL_BACKUP_REPORTS: reportFile },
      timeoutMs: options.timeout,
      limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
      signal,
      accept: [0, NO_FUNCTION],
    });
    if (stdout.trim() !== '') log.info(`${name}: ${stdout.trim()}`);
    return { isConfigOnly: exitCode === NO_FUNCTION, problem: undefined };
  } catch (error) {
    signal.throwIfAborted();
    return { isConfigOnly: false, problem: describeError(error) };
  }
}

/** What is in `/etc/<name>` and its like; what cannot be read of it is told by the log, as the original ignores it (A09). */
async function copyConfiguration(name: string, component: string, { options, log }: Context): Promise<void> {
  for (const root of options.config_roots) {
    const from = join(root, name);
    if (!(await isDirectory(from))) continue;
    const how = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true, force: true };
    await cp(from, join(component, 'config'), how).catch((error: Error) => {
      log.warn(`${name}: its configuration in ${from} is not saved whole: ${error.message}`);
    });
  }
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** A file without a function of its own name saves the configuration alone (A03, A10, A11). */
async function configOnly(name: string, component: string): Promise<ModuleResult> {
  const size = await bytesBelow(join(component, 'config'));
  if (size > 0)
    return { name, status: 'success', type: 'config-only', validation: { size, files: [] }, problem: undefined };
  const problem = `No configuration found for ${name} and no backup function available: name it backup_${name}.`;
  return { name, status: 'failed', type: 'unknown', validation: { size: 0, files: [] }, problem };
}

/** A module that reported nothing: what it left is all there is to judge by. */
async function unreported(name: string, component: string): Promise<ModuleReport> {
  const size = await bytesBelow(join(component, 'data'));
  return { name, status: size > 0 ? 'success' : 'failed', type: 'unknown', validation: { size, files: [] } };
}

async function problemOf(
  report: ModuleReport,
  crashed: string | undefined,
  component: string,
  module: string,
): Promise<string | undefined> {
  if (crashed !== undefined) return `${module}: ${crashed}`;
  if (report.status !== 'success') return `${report.name}: it reports ${report.status}, or nothing that can be read.`;
  for (const { path, md5 } of report.validation.files) {
    const inside = normalize(path);
    if (inside.startsWith('/') || inside.startsWith('..'))
      return `${report.name}: it reports ${path}, outside its directory.`;
    const file = join(component, inside);
    if (!(await lstat(file).catch(() => undefined))?.isFile())
      return `${report.name}: it reports ${path}, which is not there.`;
    if (md5 !== undefined && md5 !== (await md5Of(file)))
      return `${report.name}: ${path} is not what it reports: its md5 differs.`;
  }
  return undefined;
}

async function md5Of(file: string): Promise<string> {
  const hash = createHash('md5');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory() ? await bytesBelow(path) : (await lstat(path)).size;
  }
  return bytes;
}
