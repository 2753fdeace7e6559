// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

export const options = z.strictObject({
  module_dir: absolutePath
    .describe(
      'Directory of the module: `/home/<id>/.config` of a rootless one, `/var/lib/nethserver/<id>` of one of root.',
    )
    .meta({ examples: ['/var/lib/nethserver/samba1'] }),
  module_id: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be the name of a module')
    .optional()
    .describe('Name of the module, which its volumes are named after.')
    .meta({ 'x-default': 'taken from `module_dir`', examples: ['samba1'] }),
  backup_id: z
    .string()
    .regex(/^[\w.-]+$/)
    .default('1')
    .describe('Handed to the scripts as their argument.'),
  restore_steps: z
    .boolean()
    .default(true)
    .describe(
      "Whether `backup-client restore` runs the module's own steps, `actions/restore-module/<number><name>`, around the copying.",
    ),
  timeout: duration({ min: '1s' }).prefault('2h').describe('Time limit of each script.'),
});

export type StateDumpOptions = z.infer<typeof options>;
