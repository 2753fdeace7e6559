// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join, normalize } from 'node:path';
import type { PluginContext } from '../../plugin.ts';
import { callModule, type ModuleFile, type Surroundings } from './call-module.ts';
import { copyConfiguration, type Origin } from './configuration.ts';
import { md5Of } from './md5.ts';
import type { ModuleOptions } from './options.ts';
import type { ModuleReport } from './reports.ts';

type Context = PluginContext<ModuleOptions>;

export interface ModuleResult extends ModuleReport {
  /** The module that it is about; the name is what that calls it. */
  readonly module: string;
  /** Why it is not a success; undefined where it is. */
  readonly problem: string | undefined;
}

interface ModuleRun {
  readonly results: readonly ModuleResult[];
  readonly warnings: readonly string[];
  /** Where its configuration comes from. */
  readonly origins: readonly Origin[];
}

/** Runs one module; whatever it comes to is in the result, so that the others have their turn (A14). */
export async function runModule(module: ModuleFile, context: Context, around: Surroundings): Promise<ModuleRun> {
  const { name } = module;
  const component = join(around.directory, name);
  for (const part of ['config', 'data']) await mkdir(join(component, part), { recursive: true, mode: 0o700 });
  const about = await copyConfiguration(name, component, context);
  const { isMissing, problem, reports } = await callModule('backup', { ...module, component }, context, around);
  if (isMissing) return { results: [await configOnly(name, component)], ...about };
  const named = reports.some((report) => report.name === name)
    ? reports
    : [...reports, await unreported(name, component)];
  const results: ModuleResult[] = [];
  for (const report of named) {
    results.push({ ...report, module: name, problem: await problemOf(report, problem, component, name) });
  }
  return { results, ...about };
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

async function bytesBelow(directory: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    bytes += entry.isDirectory() ? await bytesBelow(path) : (await lstat(path)).size;
  }
  return bytes;
}
