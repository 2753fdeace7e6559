// SPDX-License-Identifier: AGPL-3.0-or-later
import { duration } from '@local-backup/common/config/values';
import * as z from 'zod';
import { environment, words } from '../../plugin-tools/user-command/options.ts';

export const options = z
  .strictObject({
    before: words
      .optional()
      .describe(
        'Run before the other tasks of the service. A list of words is run as it stands; a string is run by `sh -c`. Where ' +
          'it fails, the service is not saved.',
      )
      .meta({ examples: [['/usr/local/sbin/shop-maintenance', 'begin']] }),
    after: words
      .optional()
      .describe(
        'Run when the data of the service has been read, always: also when something failed, and by the next run if this ' +
          'one was killed.',
      )
      .meta({ examples: [['/usr/local/sbin/shop-maintenance', 'end']] }),
    timeout: duration({ min: '1s' })
      .prefault('1h')
      .describe('Time limit of each of the two commands. `task_timeout` of client_config.yml may be lower.'),
    environment,
  })
  .refine(({ before, after }) => before !== undefined || after !== undefined, {
    message: 'holds neither `before` nor `after`: nothing would be done',
    when: ({ issues }) => issues.length === 0,
  });

export type HooksOptions = z.infer<typeof options>;
