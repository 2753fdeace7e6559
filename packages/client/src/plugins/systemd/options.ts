// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';

/** systemd.unit(5): a name has at most 255 characters of these. None begins with `-`: it is an argument of programs. */
const unitName = z
  .string()
  .max(255)
  .regex(
    /^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*\.(?:service|socket|timer|path|target)$/,
    'must be the whole name of a unit: `shop.service`, `shop.timer`, `.socket`, `.path` or `.target`',
  );

export const options = z.strictObject({
  units: z
    .array(unitName)
    .min(1)
    .describe(
      'Units to stop while the service is read: in this order, started in the opposite one. Only what runs is stopped.',
    )
    .meta({ examples: [['shop-worker.timer', 'shop.service']] }),
  stop_timeout: duration({ min: '1s' })
    .prefault('5m')
    .describe('Time limit for stopping one unit. `task_timeout` of client_config.yml may be lower.'),
  start_timeout: duration({ min: '1s' })
    .prefault('5m')
    .describe('Time limit for starting one unit. `task_timeout` of client_config.yml may be lower.'),
  wait_after_start: duration({ max: '1h' })
    .prefault('0s')
    .describe('How long after the start the units must still be active. The run waits so long.'),
  save_units: z.boolean().default(true).describe('Save the unit files of these units and their drop-ins.'),
});

export type SystemdOptions = z.infer<typeof options>;
