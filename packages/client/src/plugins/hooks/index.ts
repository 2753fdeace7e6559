// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin } from '../../plugin.ts';
import type { Words } from '../../plugin-tools/user-command/options.ts';
import { runUserCommand } from '../../plugin-tools/user-command/run.ts';
import { validateCommands } from '../../plugin-tools/user-command/validate.ts';
import { type HooksOptions, options } from './options.ts';

/** Commands around the other tasks of a service; saves nothing itself. */
export const hooks = definePlugin<HooksOptions>({
  name: 'hooks',
  summary: 'Runs commands of yours before and after the other tasks of the service.',
  options,
  // Before containers and units are stopped, and after they have been started: both commands find the service running.
  order: 5,
  savesNothing: true,

  describe({ before, after }) {
    const parts = Object.entries({ before, after }).filter((part): part is [string, Words] => part[1] !== undefined);
    return `nothing; ${parts.map(([key, words]) => `${key}: ${typeof words === 'string' ? words : words.join(' ')}`).join(', ')}`;
  },

  async validate(context) {
    const { before, after } = context.options;
    return validateCommands({ before, after }, context);
  },

  async prepare(context) {
    if (context.options.before === undefined) return;
    // `after` has to run even when `before` is killed half-way.
    await context.remember({ begun: true });
    await runUserCommand(context, context.options.before);
  },

  run: async () => ({}),

  async post(context) {
    const { before, after } = context.options;
    if (after === undefined || (before !== undefined && context.remembered() === undefined)) return;
    await runUserCommand(context, after);
  },
});
