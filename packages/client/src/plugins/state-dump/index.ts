// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { definePlugin, type PluginContext, type Tree } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { requireTrustedFile } from '../../plugin-tools/trusted-file.ts';
import { expand, type Included, parseExcludes, parseIncludes } from './include.ts';
import { asOwner, findModule, isOwn, type Module, openModule, readOptional, volumePath } from './module.ts';
import { STATE, VOLUMES } from './names.ts';
import { options, type StateDumpOptions } from './options.ts';
import { restore } from './restore.ts';

type Context = PluginContext<StateDumpOptions>;

/** Saves a module of NethServer 8: its dump-state, the files that it lists, its cleanup-state. */
export const stateDump = definePlugin<StateDumpOptions>({
  name: 'state_dump',
  summary: 'Saves a module of NethServer 8: dump-state, the files that it lists, cleanup-state.',
  options,
  // After databases, whose dumps a module may want; before plain files.
  order: 60,
  describe: ({ module_dir }) => `module in ${module_dir}: state/environment and what etc/state-include.conf lists`,

  async validate(context) {
    const module = await openModule(context);
    const { warnings } = await listsOf(module, context);
    const scripts = await Promise.all([scriptOf(module, 'dump'), scriptOf(module, 'cleanup')]);
    return [...warnings, ...scripts.flatMap(({ warning }) => warning ?? [])];
  },

  async prepare(context) {
    const module = await openModule(context);
    // cleanup-state has to run even when dump-state is killed half-way.
    await context.remember({ begun: true });
    await runScript(module, 'dump', context);
  },

  async run(context) {
    const module = await openModule(context);
    const { included, exclude, warnings: found } = await listsOf(module, context);
    const warnings = [...found];
    const trees = await treesOf(module, included, { context, exclude, warnings });
    return { trees, warnings, facts: { module: module.id } };
  },

  async post(context) {
    if (context.remembered() === undefined) return;
    const module = await findModule(context);
    if (module !== undefined) return runScript(module, 'cleanup', context);
    context.log.warn(`${context.options.module_dir} is gone: there is nothing to clean up.`);
  },

  verify: lookAt,
  restore,
});

const INCLUDE_FILE = 'etc/state-include.conf';
const EXCLUDE_FILE = 'etc/state-exclude.conf';

/** The lists of the module (E16). */
async function listsOf(module: Module, context: Context) {
  const include = await readOptional(module, INCLUDE_FILE, context);
  const exclude = await readOptional(module, EXCLUDE_FILE, context);
  const { patterns, warnings } = parseExcludes(exclude, join(module.directory, EXCLUDE_FILE));
  return { included: parseIncludes(include, join(module.directory, INCLUDE_FILE)), exclude: patterns, warnings };
}

interface Script {
  readonly file: string;
  readonly isThere: boolean;
  readonly warning?: string;
}

/**
 * A script that is missing is none; one that is not executable is told and not run (E14).
 * @throws BackupError `config` where it would run as root and others could change it
 */
async function scriptOf(module: Module, what: 'dump' | 'cleanup'): Promise<Script> {
  const file = join(module.directory, 'bin', `module-${what}-state`);
  const facts = await stat(file).catch(() => undefined);
  if (facts === undefined) return { file, isThere: false };
  if (isOwn(module)) await requireTrustedFile(file);
  if ((facts.mode & 0o111) !== 0) return { file, isThere: true };
  return { file, isThere: false, warning: `[WARNING] ${file} is not executable: ignored.` };
}

async function runScript(module: Module, what: 'dump' | 'cleanup', context: Context): Promise<void> {
  const { file, isThere, warning } = await scriptOf(module, what);
  if (warning !== undefined) context.log.warn(warning);
  if (!isThere) return;
  const { timeout, backup_id } = context.options;
  await context.exec(file, [backup_id], {
    ...asOwner(module),
    timeoutMs: timeout,
    limitedBy: '`timeout` of the task, `task_timeout` of client_config.yml',
    signal: context.signal,
  });
}

interface Collecting {
  readonly context: Context;
  readonly exclude: readonly string[];
  readonly warnings: string[];
}

/** `state/environment` always (E15), what is listed of the state, and one tree for each volume. */
async function treesOf(
  module: Module,
  included: readonly Included[],
  { context, exclude, warnings }: Collecting,
): Promise<readonly Tree[]> {
  const paths = new Map<string | undefined, string[]>([[undefined, ['state/environment']]]);
  const roots = new Map<string | undefined, string>([[undefined, module.directory]]);
  for (const { volume, path } of included) {
    // Volumes of the backup program itself (E17).
    if (volume?.startsWith('restic-')) continue;
    const root = roots.get(volume) ?? (await volumePath(module, volume ?? '', context));
    roots.set(volume, root);
    const found = await expand(root, path);
    if (found.length === 0)
      warnings.push(`${volume === undefined ? '' : `volumes/${volume}/`}${path} matches nothing.`);
    paths.set(volume, [...(paths.get(volume) ?? []), ...found]);
  }
  return [...paths].map(([volume, list]): Tree => {
    const into = volume === undefined ? STATE : `${VOLUMES}/${volume}`;
    const prefix = volume === undefined ? '' : `volumes/${volume}/`;
    return {
      into,
      root: roots.get(volume) ?? module.directory,
      paths: withoutOverlaps(list).map(bytePathOfText),
      exclude: exclude.flatMap((pattern) => ownPattern(pattern, prefix)),
      oneFileSystem: false,
    };
  });
}

/** Patterns that name a place are about one tree; the others about names anywhere. */
function ownPattern(pattern: string, prefix: string): string[] {
  if (!/^(?:state|volumes)\//.test(pattern)) return [pattern];
  if (prefix === '') return pattern.startsWith('state/') ? [`/${pattern}`] : [];
  return pattern.startsWith(prefix) ? [`/${pattern.slice(prefix.length)}`] : [];
}

function withoutOverlaps(paths: readonly string[]): string[] {
  const all = [...new Set(paths)].sort();
  if (all.includes('.')) return ['.'];
  return all.filter((path) => !all.some((other) => path.startsWith(`${other}/`)));
}

/** The one file that every restore begins with is there. */
async function lookAt({ copy }: CopyContext<StateDumpOptions>): Promise<readonly Check[]> {
  const name = `${STATE}/state/environment`;
  const facts = await lstat(join(copy, name)).catch(() => undefined);
  if (facts === undefined) return [{ name, status: 'failed', message: 'is not in the copy' }];
  const volumes = await readdir(join(copy, VOLUMES)).catch((): string[] => []);
  const isFile = facts.isFile();
  return [
    { name, status: isFile ? 'ok' : 'failed', message: isFile ? `${facts.size} bytes` : 'is no regular file' },
    ...volumes.map((volume): Check => ({ name: `${VOLUMES}/${volume}`, status: 'ok', message: 'is there' })),
  ];
}
