// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { lstat, mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { describeError } from '@local-backup/common/errors';
import type { PluginContext } from '../../plugin.ts';
import { DRIVER, NO_FUNCTION } from './driver.ts';
import type { ModuleOptions } from './options.ts';
import { type ModuleReport, parseReports } from './reports.ts';

type Context = PluginContext<ModuleOptions>;

export interface ModuleResult extends ModuleReport {
  /** The module that it is about; the name is what that calls it. */
  readonly module: string;
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
): Promise<{ readonly results: readonly ModuleResult[]; readonly warnings: readonly string[] }> {
  const { name } = module;
  const component = join(around.directory, name);
  for (const part of ['config', 'data']) await mkdir(join(component, part), { recursive: true, mode: 0o700 });
  const warnings = await copyConfiguration(name, component, context);
  const { isConfigOnly, problem } = await callModule(module, component, context, around);
  if (isConfigOnly) return { results: [await configOnly(name, component)], warnings };
  const reports = parseReports(await readFile(around.reportFile, 'utf8').catch(() => ''));
  const named = reports.some((report) => report.name === name)
    ? reports
    : [...reports, await unreported(name, component)];
  const results: ModuleResult[] = [];
  for (const report of named) {
    results.push({ ...report, module: name, problem: await problemOf(report, problem, component, name) });
  }
  return { results, warnings };
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

/**
 * What is in `/etc/<name>` and its like, as it is: links are copied, not followed.
 * @returns what could not be copied, as warnings; the original ignores it (A09)
 */
async function copyConfiguration(
  name: string,
  component: string,
  { options, exec, signal }: Context,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const root of options.config_roots) {
    const from = join(root, name);
    if (!(await isDirectory(from))) continue;
    const limits = { cwd: '/', timeoutMs: options.timeout, signal };
    await exec('cp', ['-a', '--', `${from}/.`, join(component, 'config')], limits).catch((error: unknown) => {
      signal.throwIfAborted();
      warnings.push(`${name}: its configuration in ${from} is not saved whole: ${describeError(error)}`);
    });
  }
  return warnings;
}

async function isDirectory(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() === true;
}

/** A file without a function of its own name saves the configuration alone (A03, A10, A11). */
async function configOnly(name: string, component: string): Promise<ModuleResult> {
  const size = await bytesBelow(join(component, 'config'));
  const about = { name, module: name, validation: { size, files: [] } };
  if (size > 0) return { ...about, status: 'success', type: 'config-only', problem: undefined };
  const problem = `No configuration found for ${name} and no backup function available: name it backup_${name}.`;
  return { ...about, status: 'failed', type: 'unknown', problem };
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
    const inside = insideOf(path);
    if (inside === undefined) return `${report.name}: it reports ${path}, outside its directory.`;
    const file = join(component, inside);
    if (!(await lstat(file).catch(() => undefined))?.isFile())
      return `${report.name}: it reports ${path}, which is not there.`;
    if (md5 !== undefined && md5 !== (await md5Of(file)))
      return `${report.name}: ${path} is not what it reports: its md5 differs.`;
  }
  return (await bytesBelow(component)) > 0 ? undefined : `${report.name}: it reports success, but has left nothing.`;
}

/** A path that a module reports, below its directory; undefined where it leads elsewhere. */
export function insideOf(path: string): string | undefined {
  const inside = normalize(path);
  return inside.startsWith('/') || inside.split('/').includes('..') ? undefined : inside;
}

/** The MD5 of a file, in hexadecimal: what modules report. */
export async function md5Of(file: string): Promise<string> {
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
