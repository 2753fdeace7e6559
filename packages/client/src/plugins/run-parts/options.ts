// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

export const options = z.strictObject({
  directory: absolutePath
    .prefault('/etc/backup-scripts')
    .describe('Directory with the scripts: each is run by run-parts(8), in the order of their names.'),
  output: absolutePath
    .prefault('/var/lib/backup')
    .describe('Where the scripts leave what is to be saved. Created with mode 0700 where it is missing.'),
  on_failure: z
    .enum(['continue', 'abort'])
    .default('continue')
    .describe(
      'When a script fails: `continue` saves what there is and the task has failed, `abort` saves nothing of this task.',
    ),
  restore_scripts: absolutePath
    .optional()
    .describe(
      'Directory with scripts that load what was saved: `backup-client restore` runs them by run-parts(8), `output` as their ' +
        'argument, when that is back in place; the first that fails ends the restore.',
    )
    .meta({ examples: ['/etc/backup-restore-scripts'] }),
  timeout: duration({ min: '1s' }).prefault('2h').describe('Time limit of all scripts of a directory together.'),
});

export type RunPartsOptions = z.infer<typeof options>;
