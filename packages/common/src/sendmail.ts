// SPDX-License-Identifier: AGPL-3.0-or-later
import type { MailConfig } from './config/mail.ts';
import { BackupError } from './errors.ts';
import type { Run } from './exec.ts';
import { findProgram } from './find-program.ts';

type ProgramConfig = Extract<MailConfig, { transport: 'sendmail' }>;

/**
 * Hands a mail to the first program that is there: recipients as arguments, the mail as input. Through our own `run`
 * rather than nodemailer, which knows no time limit, hands on the whole environment and does not tell what the program said.
 *
 * @throws BackupError `config` where there is none of the programs, `failed` where it did not take the mail
 */
export async function sendByProgram(
  { commands, timeoutMs }: ProgramConfig,
  mail: { readonly bytes: Uint8Array; readonly recipients: readonly string[] },
  run: Run,
): Promise<void> {
  const [program = '', ...args] = await requireMailProgram(commands);
  try {
    // -i: a line with a single dot is no end of the mail; msmtp and every sendmail know it.
    await run(program, [...args, '-i', ...mail.recipients], { stdin: mail.bytes, timeoutMs });
  } catch (error) {
    if (!(error instanceof BackupError) || error.code !== 'failed') throw error;
    throw new BackupError('failed', `The mail to ${mail.recipients.join(', ')} was not sent: ${error.message}`, {
      cause: error,
    });
  }
}

/**
 * The command that mail is handed to: the first one whose program is there.
 * @throws BackupError `config` where there is none
 */
export async function requireMailProgram(commands: ProgramConfig['commands']): Promise<readonly string[]> {
  const command = await firstInstalled(commands);
  if (command.length > 0) return command;
  const names = commands.map(([name]) => name).join(', ');
  const text = `Cannot send mail: ${names} not found. Install it (Debian: apt install msmtp-mta) or set \`mail.transport: smtp\`.`;
  throw new BackupError('config', text);
}

async function firstInstalled(commands: ProgramConfig['commands']): Promise<readonly string[]> {
  for (const command of commands) {
    const [name = ''] = command;
    if ((await findProgram(name)) !== undefined) return command;
  }
  return [];
}
