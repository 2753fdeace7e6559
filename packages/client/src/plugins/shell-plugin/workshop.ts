// SPDX-License-Identifier: AGPL-3.0-or-later
import { constants } from 'node:fs';
import { access, chmod, copyFile, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import { COMMON_FUNCTIONS } from './common-functions.ts';

/** Exit code of our `plugin yaml` for an expression that only the real yq knows: that of wrong usage. */
const ONLY_REAL_YQ = 2;

/** A directory in which a plugin finds all that was beside it in the original: used for one call. */
export interface Workshop {
  /** The plugin, as it is called. */
  readonly file: string;
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

export interface WorkshopSettings {
  /** Program and first arguments of `plugin yaml`. */
  readonly yamlReader: readonly string[];
  /** The yq that the configuration names; it need not be installed. */
  readonly yq: string;
}

/**
 * Gives a copy of the plugin beside a `common_functions.sh` and links to everything else that is beside it: whether it looks
 * for its helpers next to `$0`, next to what `readlink -f` makes of that, or in `$PLUGIN_DIR`, it finds them. A
 * common_functions.sh of the user's own, with functions of his own, is taken before ours.
 */
export async function withWorkshop<Result>(
  plugin: string,
  settings: WorkshopSettings,
  work: (workshop: Workshop) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'backup-plugin-'));
  try {
    const file = await furnish(directory, plugin);
    const bin = join(directory, '.bin');
    await mkdir(bin, { mode: 0o700 });
    await writeFile(join(bin, 'common_functions.sh'), COMMON_FUNCTIONS, { mode: 0o600 });
    await writeFile(join(bin, 'yq'), await yqScript(settings), { mode: 0o700 });
    // On a file system that is mounted noexec, what the driver calls so is run by sh.
    const isExecutable = await access(join(bin, 'yq'), constants.X_OK).then(
      () => true,
      () => false,
    );
    const env = {
      PATH: `${searchPathOf()}:${bin}`,
      YQ_CMD: isExecutable ? join(bin, 'yq') : 'backup_yq',
      BACKUP_YQ: join(bin, 'yq'),
      PLUGIN_DIR: directory,
      BACKUP_COMMON_FUNCTIONS: join(bin, 'common_functions.sh'),
    };
    return await work({ file, env });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function furnish(directory: string, plugin: string): Promise<string> {
  const home = dirname(plugin);
  const names = await readdir(home);
  for (const name of names) {
    if (name !== basename(plugin) && name !== '.bin') await symlink(join(home, name), join(directory, name));
  }
  if (!names.includes('common_functions.sh')) {
    await writeFile(join(directory, 'common_functions.sh'), COMMON_FUNCTIONS, { mode: 0o600 });
  }
  const file = join(directory, basename(plugin));
  await copyFile(plugin, file);
  await chmod(file, 0o700);
  return file;
}

/** Our own reading of YAML, and the real yq, where there is one, for what we do not know. */
async function yqScript({ yamlReader, yq }: WorkshopSettings): Promise<string> {
  const own = yamlReader.map(quoted).join(' ');
  const real = await findProgram(yq);
  const otherwise = real === undefined ? '' : `[ $code -ne ${ONLY_REAL_YQ} ] || exec ${quoted(real)} "$@"\n`;
  const quiet = real === undefined ? '' : ' 2>/dev/null';
  return `#!/bin/sh\n${own} "$@"${quiet}\ncode=$?\n${otherwise}exit $code\n`;
}

/** For sh. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
