// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';
import { PARTS } from './inventory.ts';
import { RESTORABLE } from './restorable.ts';

export const options = z.strictObject({
  include: z
    .array(z.enum(PARTS))
    .min(1)
    .default([...PARTS])
    .describe('What of the machine is saved. What is not there (no Proxmox, no LVM) is left out by itself.')
    .meta({ examples: [['packages', 'network', 'storage']] }),
  restore: z
    .array(z.enum(RESTORABLE))
    .default([])
    .describe(
      'What `backup-client restore --in-place` may put back: `packages` installs what is missing, `units` enables what was ' +
        'enabled, the others are files. Empty: it only tells what differs. Nothing is ever removed.',
    )
    .meta({ examples: [['apt', 'packages', 'settings', 'units', 'cron']] }),
  timeout: duration({ min: '1s' }).prefault('5m').describe('Time limit of each program that is asked.'),
});

export type SystemOptions = z.infer<typeof options>;
