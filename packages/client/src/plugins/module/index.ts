// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { stampOf } from '@local-backup/common/archive-name';
import { definePlugin, type PluginContext } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { findModules } from './find-modules.ts';
import { hostStatusOf, hostStatusSchema } from './host-status.ts';
import { type ModuleOptions, options } from './options.ts';
import { type ModuleResult, runModule } from './run-module.ts';

/** Directory of the service in the archive. */
const DIRECTORY = 'modules';
const STATUS = 'host_status.json';

/** Runs the modules of the Modular Backup System, `backup_<name>()` in `<name>.sh`, as they are. */
export const module = definePlugin<ModuleOptions>({
  name: 'module',
  summary: 'Runs backup modules of the original Modular Backup System, `backup_<name>()` in `<name>.sh`, unchanged.',
  options,
  describe: ({ directory, only }) => `modules of ${directory}${only === undefined ? '' : `: ${only.join(', ')}`}`,

  async validate({ options: task }) {
    return (await findModules(task)).notes;
  },

  async run(context) {
    const { modules, notes } = await findModules(context.options);
    for (const note of notes) context.log.info(note);
    const directory = join(context.stage, DIRECTORY);
    await mkdir(directory, { mode: 0o700 });
    const started = new Date();
    const results = await runAll(modules, directory, context, stampOf(started));
    const status = hostStatusOf(results, { host: hostname(), started, ended: new Date() });
    await writeFile(join(directory, STATUS), `${JSON.stringify(status, undefined, 2)}\n`, { mode: 0o600 });
    return {
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
});

async function runAll(
  modules: readonly { readonly name: string; readonly file: string }[],
  directory: string,
  context: PluginContext<ModuleOptions>,
  stamp: string,
): Promise<readonly ModuleResult[]> {
  const reports = await mkdtemp(join(tmpdir(), 'backup-modules-'));
  try {
    const results: ModuleResult[] = [];
    for (const found of modules) {
      context.log.info(`Found module: ${found.name}`);
      const reportFile = join(reports, found.name);
      const around = { directory, reportFile, hostname: hostname(), stamp };
      results.push(...(await runModule(found, context, around)));
    }
    return results;
  } finally {
    await rm(reports, { recursive: true, force: true });
  }
}

/** Every component that succeeded when it was saved has something in the copy. */
async function lookAt({ copy }: CopyContext<ModuleOptions>): Promise<readonly Check[]> {
  const name = `${DIRECTORY}/${STATUS}`;
  const text = await readFile(join(copy, name), 'utf8').catch(() => undefined);
  const status = text === undefined ? undefined : hostStatusSchema.safeParse(parse(text));
  if (status?.success !== true)
    return [{ name, status: 'failed', message: 'is not in the copy, or no report of modules' }];
  const directories = await readdir(join(copy, DIRECTORY));
  return Object.entries(status.data.components).map(([component, { status: reported }]): Check => {
    const isThere = directories.includes(component) || reported !== 'success';
    return { name: component, status: isThere ? 'ok' : 'failed', message: isThere ? reported : 'is not in the copy' };
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
