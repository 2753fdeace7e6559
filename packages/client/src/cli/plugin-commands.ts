// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { GlobalOptions } from '../commands/session.ts';

/** `backup-client plugin ...` */
export function addPluginCommands(program: Command, global: () => GlobalOptions, print: (text: string) => void): void {
  const plugin = program.command('plugin').description('plugins of your own: list them, test them');
  plugin
    .command('list')
    .description('list every plugin that a service.yaml of this host can name')
    .action(async () => (await import('../commands/plugin.ts')).pluginList(global(), print));
  plugin
    .command('test <path>')
    .description(
      'try whether a plugin, or all in a directory, does what a run relies on; prepare and post are really called',
    )
    .option('-o, --options <file>', 'options of the task: a YAML file with them, or a service.yaml')
    .option('--restore', 'put back what was saved, and then the state before: changes this host')
    .action(async (path, options) =>
      (await import('../commands/plugin.ts')).pluginTest(path, options, global(), print),
    );
  plugin
    .command('yaml', { hidden: true })
    .description('read a YAML file as yq does; for plugins of the shell version')
    .argument('[words...]')
    .allowUnknownOption()
    .action(async (words) => (await import('../commands/plugin-yaml.ts')).pluginYaml(words, print));
}
