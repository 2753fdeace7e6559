// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import type { Memo } from '../../plugin.ts';
import type { Check, CopyContext, RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import type { Reply } from './call.ts';
import { copyEnvironment, restoreEnvironment, writeFacts } from './environment.ts';
import type { Stage } from './protocol.ts';
import { call, type Executable, hasStage, logWarnings, type Options, warningsOf } from './stages.ts';
import { withStateToRead, withStateToWrite } from './state.ts';

type Context = RestoreContext<Options>;

/** The stages that work on a restored copy, as the core calls them. */
export function restoreStages(executable: Executable) {
  return {
    verify: async (context: CopyContext<Options>): Promise<readonly Check[]> => {
      await requireOwnDirectory(executable.name, context);
      await writeFacts(context);
      const env = copyEnvironment(executable.name, context);
      const { told } = await call(executable, context, { stage: 'verify', env });
      return checksIn(told);
    },
    restore: restoreOf(executable),
  };
}

function restoreOf(executable: Executable): TaskRestore<Options> {
  const { name } = executable;
  const environment = async (context: Context) => {
    await writeFacts(context);
    return { ...copyEnvironment(name, context), ...restoreEnvironment(context) };
  };

  /** Begins something that `revert` and `restore-start` may have to undo. */
  const begin = (stage: Stage, context: Context, journal: Pick<Context, 'remember' | 'remembered'> = context) =>
    withStateToWrite(join(context.scratch, '.backup-state'), journal, async ({ file, remember }) => {
      const env = { ...(await environment(context)), BACKUP_STATE: file };
      return call(executable, context, { stage, env, onRemember: remember });
    });

  const undo = async (stage: Stage, context: Context) => {
    if (context.remembered() === undefined) return;
    await withStateToRead(context, async (file) => {
      const env = { ...(await environment(context)), BACKUP_STATE: file };
      const reply = await call(executable, context, { stage, env });
      logWarnings(reply, context);
      if (stage === 'revert' && !reply.isImplemented && context.remembered()?.restoring === true)
        throw cannotRevert(name, context);
    });
  };

  return {
    plan: async (context) => {
      await requireOwnDirectory(name, context);
      const reply = await call(executable, context, { stage: 'restore-plan', env: await environment(context) });
      const steps = reply.told.flatMap((answer): RestoreStep[] => (answer.kind === 'step' ? [answer.value] : []));
      logWarnings(reply, context);
      return steps.length > 0 ? steps : [planUnknown(executable, context)];
    },
    ...(hasStage(executable, 'restore-stop')
      ? { stop: async (context: Context) => logWarnings(await begin('restore-stop', context), context) }
      : {}),
    apply: async (context) => {
      const { remembered } = context;
      const restoring = (memo: Memo) => context.remember({ ...memo, restoring: true });
      const reply = await begin('restore', context, { remember: restoring, remembered });
      if (reply.isImplemented) return warningsOf(reply);
      await context.remember({ ...remembered(), restoring: false });
      return [`${name} does not know how to restore: put back by hand what is in ${join(context.copy, name)}.`];
    },
    revert: (context) => undo('revert', context),
    ...(hasStage(executable, 'restore-start') ? { start: (context: Context) => undo('restore-start', context) } : {}),
    ...(hasStage(executable, 'restore-verify')
      ? {
          verify: async (context: Context) => {
            const env = await environment(context);
            const reply = await call(executable, context, { stage: 'restore-verify', env });
            logWarnings(reply, context);
            return checksIn(reply.told);
          },
        }
      : {}),
  };
}

function checksIn(told: Reply['told']): readonly Check[] {
  return told.flatMap((answer) => (answer.kind === 'check' ? [answer.value] : []));
}

/** Nobody but the plugin knows what it has changed: to say that all is as it was would be a guess. */
function cannotRevert(name: string, { service, kept }: Context): BackupError {
  return new BackupError(
    'failed',
    `${name} has no stage \`revert\`, so what its \`restore\` has changed is not put back. Look at the service; what was ` +
      `kept, if anything, is in ${kept}. When it is in order: backup-client recover --done ${service.type}/${service.name}`,
  );
}

function planUnknown({ name, stages }: Executable, { copy }: Context): RestoreStep {
  const what =
    stages === undefined
      ? `${name}: its plugin tells no plan, and may not know how to restore; its files are in ${join(copy, name)}`
      : `${name}: its plugin restores from ${join(copy, name)}, and tells no plan`;
  return { action: 'note', what };
}

/**
 * A copy may come from a machine that was taken over: a link in the place of the plugin's directory would lead the
 * plugin, as root, to other files of this host.
 * @throws BackupError `failed`
 */
async function requireOwnDirectory(name: string, { copy }: Pick<CopyContext, 'copy'>): Promise<void> {
  const directory = join(copy, name);
  const stats = await lstat(directory).catch(() => undefined);
  if (stats === undefined || stats.isDirectory()) return;
  throw new BackupError('failed', `${directory} in the copy is no directory, though ${name} saves into one.`);
}
