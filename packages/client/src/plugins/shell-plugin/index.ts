// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename } from 'node:path';
import * as z from 'zod';
import { definePlugin, type Plugin } from '../../plugin.ts';
import type { Probed, ProbeIo } from './probe.ts';
import { createStages } from './stages.ts';

/**
 * A plugin of the original shell version, unchanged: six functions in `plugin_dir/*.sh` (C35-C43). Whatever is in the task's
 * block goes to it as it stands.
 * @param type one of the task keys that it handles
 */
export function createShellPlugin(probed: Probed, type: string, io: ProbeIo): Plugin {
  const { file } = probed;
  const summary = `Plugin of the shell version: ${basename(file)}`;
  return definePlugin<unknown>({
    name: type,
    summary,
    options: z.unknown(),
    describe: () => summary,
    ...createStages(probed, io),
  });
}
