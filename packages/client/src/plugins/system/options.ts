// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';
import { PARTS } from './inventory.ts';

export const options = z.strictObject({
  include: z
    .array(z.enum(PARTS))
    .min(1)
    .default([...PARTS])
    .describe('What of the machine is saved. What is not there (no Proxmox, no LVM) is left out by itself.')
    .meta({ examples: [['packages', 'network', 'storage']] }),
  timeout: duration({ min: '1s' }).prefault('5m').describe('Time limit of each program that is asked.'),
});

export type SystemOptions = z.infer<typeof options>;
