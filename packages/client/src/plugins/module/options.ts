// SPDX-License-Identifier: AGPL-3.0-or-later
import { absolutePath, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

/** The name of a module: that of its file without `.sh`, which its function is named after. */
const moduleName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/, 'must be the name of a module: letters, digits, `_`, `-`');

export const options = z.strictObject({
  directory: absolutePath
    .prefault('/root/scripts/backup-modules')
    .describe('Directory with the modules, `<name>.sh`. They are run as they are.'),
  only: z
    .array(moduleName)
    .min(1)
    .optional()
    .describe('Run these modules only.')
    .meta({ examples: [['mariadb', 'grafana']] }),
  enabled_file: absolutePath
    .prefault('/etc/backup-modules.conf')
    .describe(
      'Names of the modules to run, one in a line, `#` begins a comment. All are run where it is missing or empty.',
    ),
  config_roots: z
    .array(absolutePath)
    .default(['/etc/containers', '/etc'])
    .describe('What is in `<root>/<name>/` is saved as the configuration of a module, before its function is called.'),
  timeout: duration({ min: '1s' }).prefault('2h').describe('Time limit of each module.'),
});

export type ModuleOptions = z.infer<typeof options>;
