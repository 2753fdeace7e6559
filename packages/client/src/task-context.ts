// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Tools } from '@local-backup/common/config/tools';
import type { Run } from '@local-backup/common/exec';
import type { Log } from '@local-backup/common/log';
import type { Memo, PluginContext } from './plugin.ts';
import type { Service, ServiceTask } from './service.ts';
import type { UndoJournal, UndoTask } from './undo-journal.ts';

/** What the core has for every plugin. */
export interface TaskIo {
  readonly exec: Run;
  readonly tools: Tools;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly journal: UndoJournal;
}

/** How a task is written into the undo journal before its `prepare` begins. */
export function undoEntryOf(service: Service, task: ServiceTask): UndoTask {
  const { name, type, configDirectory } = service;
  return {
    kind: 'task',
    service: { name, type, configDirectory },
    task: task.key,
    plugin: task.plugin.name,
    options: task.options,
  };
}

/**
 * The context of one task. `entry` is what the undo journal holds or will hold of it; `remember` replaces it there.
 */
export function createTaskContext(entry: UndoTask, stage: string, io: TaskIo): PluginContext {
  let memo: Memo | undefined = entry.memo;
  return {
    service: entry.service,
    options: entry.options,
    stage,
    exec: io.exec,
    tools: io.tools,
    log: io.log.child({ service: entry.service.name, task: entry.task }),
    signal: io.signal,
    async remember(value) {
      await io.journal.write({ ...entry, memo: { ...value } });
      memo = value;
    },
    remembered: () => memo,
  };
}
