// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin, type Plugin } from '../../plugin.ts';
import { describeExecutable, type ExecutableIo } from './describe.ts';
import { restoreStages } from './restore.ts';
import { saveStages } from './save.ts';
import { type Executable, hasStage, type Options } from './stages.ts';

/**
 * A plugin of the user's own: an executable file in any language (docs/plugins.md). Asks it to describe itself.
 * @param file absolute path; that nobody but root can change it has been looked at
 * @param name the task's key: the file's name without extension
 * @throws BackupError where its description fails, hangs, or cannot be understood
 */
export async function createExecutablePlugin(file: string, name: string, io: ExecutableIo): Promise<Plugin> {
  const described = await describeExecutable(file, name, io);
  const executable: Executable = { file, name, stages: described.stages, environment: io.environment };
  const saves = saveStages(executable, described);
  const copies = restoreStages(executable);
  return definePlugin<Options>({
    name,
    summary: described.summary,
    options: described.options,
    ...(described.order === undefined ? {} : { order: described.order }),
    ...(described.savesNothing ? { savesNothing: true } : {}),
    takesContainer: described.takesContainer,
    describe: () => described.summary,
    ...(hasStage(executable, 'validate') ? { validate: saves.validate } : {}),
    ...(hasStage(executable, 'prepare') || hasStage(executable, 'post')
      ? { prepare: saves.prepare, post: saves.post }
      : {}),
    run: saves.run,
    ...(hasStage(executable, 'verify') ? { verify: copies.verify } : {}),
    ...(hasStage(executable, 'restore') ? { restore: copies.restore } : {}),
  });
}
