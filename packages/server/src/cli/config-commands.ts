// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands about the configuration itself. */
export function addConfigCommands(program: Command, start: Start): void {
  const write = (text: string) => void process.stdout.write(text);
  const config = program.command('config').description('print a sample configuration, or the one that counts');
  config
    .command('sample [file]')
    .description('server_config.yml (the default) or common_config, every option explained')
    .action(async (file) => (await import('../commands/config.ts')).configSample(file, write));
  config
    .command('show')
    .description('what counts after all files and defaults have been merged')
    .action(() =>
      start(async (session) => {
        (await import('../commands/config.ts')).configShow(session.config, write);
        return 0;
      }),
    );
}
