// SPDX-License-Identifier: AGPL-3.0-or-later
import { definePlugin } from '../../plugin.ts';
import { options, type SystemdOptions } from './options.ts';
import { findActive, parseStoppedUnits, startUnits, stopUnits } from './quiet.ts';
import { restore } from './restore.ts';
import { saveUnitFiles } from './unit-files.ts';
import { validateUnits } from './validate.ts';
import { verifyUnitFiles } from './verify.ts';

/** Stops systemd units around the other tasks of the service, and saves their unit files. */
export const systemd = definePlugin<SystemdOptions>({
  name: 'systemd',
  summary: 'Stops systemd units while the service is read, starts those that ran, and saves their unit files.',
  options,
  savesNothingWith: ({ save_units }) => !save_units,
  // Like containers: before the plugins that read what the units write; their `post` comes first.
  order: 10,

  describe: ({ units, save_units }) => `stops ${units.join(', ')}${save_units ? '; their unit files' : ''}`,

  validate: validateUnits,

  async prepare(context) {
    const active = await findActive(context);
    if (active.stop.length === 0) {
      context.log.info('None of the units is active: there is nothing to stop.');
      return;
    }
    await context.remember(active);
    await stopUnits(active, context);
  },

  async run(context) {
    if (!context.options.save_units) return {};
    const memo = context.remembered();
    const active = memo === undefined ? [] : parseStoppedUnits(memo).stop.map(({ name }) => name);
    return { warnings: await saveUnitFiles(context, new Set(active)) };
  },

  async post(context) {
    const memo = context.remembered();
    if (memo !== undefined) await startUnits(parseStoppedUnits(memo), context);
  },

  verify: verifyUnitFiles,
  restore,
});
