// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Start } from './start.ts';

/** Commands that take care of what opens the backups. */
export function addCareCommands(program: Command, start: Start): void {
  addKitCommand(program, start);
  addKeyCommands(program, start);
}

function addKitCommand(program: Command, start: Start): void {
  const passphraseFile = ['--passphrase-file <file>', 'take the passphrase from this file, mode 0600'] as const;
  const kit = program
    .command('recovery-kit')
    .description('write one encrypted file with which an empty machine can restore everything')
    .option('--to <file>', 'where to write it')
    .option(...passphraseFile)
    .option('--generate', 'make a strong passphrase and show it once')
    .option('--recipient <age1...>', 'encrypt to a key of age instead; may be repeated', collect)
    .option('--force', 'replace the file where it is there already')
    .action((options) =>
      start(async (session) => (await import('../commands/recovery-kit.ts')).recoveryKit(session, options)),
    );
  kit
    .command('verify <file>')
    .description('open a kit and compare it with how things are now; exit code 1 when they differ')
    .option(...passphraseFile)
    .option('--identity <file>', 'open it with the secret keys of age in this file')
    .action((file, options) =>
      start(async (session) => {
        // Options that both have end up with the outer command, wherever they stand.
        const all = { ...kit.opts(), ...options };
        return (await import('../commands/verify-kit.ts')).verifyKit(session, file, all);
      }),
    );
}

function addKeyCommands(program: Command, start: Start): void {
  const key = program.command('key').description('the passwords that open the repository of a host');
  const load = () => import('../commands/key.ts');
  const copy = ['--copy <name>', 'the repository of this copy instead of the own one'] as const;
  const passwordFile = ['--password-file <file>', 'file with the new password, mode 0600'] as const;
  key
    .command('list <host>')
    .description('which keys there are, and which one is in use')
    .option(...copy)
    .action((host, options) => start(async (session) => (await load()).listKeys(session, host, options)));
  for (const verb of ['add', 'rotate'] as const) {
    const more = verb === 'add' ? '' : ', and tell how to retire the old one';
    key
      .command(`${verb} <host>`)
      .description(`make another password open the repository, and prove that it does${more}`)
      .requiredOption(...passwordFile)
      .option(...copy)
      .action((host, options) => start(async (session) => (await load()).addKey(session, host, options, verb)));
  }
  key
    .command('remove <host> <id>')
    .description('make a password open the repository no longer; never the one in use')
    .option(...copy)
    .action((host, id, options) => start(async (session) => (await load()).removeKey(session, host, id, options)));
}

function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}
