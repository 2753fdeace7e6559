// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomInt } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';

/** Without what is mistaken for something else on paper: 0 and o, 1, i and l. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
const GROUPS = 6;
const GROUP_LETTERS = 5;

/** The file leaves the machine, and guessing costs only time. */
const SHORTEST = 12;

/** Six groups of five letters and digits, some 148 bits: nobody guesses it, and it can be typed from paper. */
export function generatePassphrase(): string {
  const group = () => Array.from({ length: GROUP_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return Array.from({ length: GROUPS }, group).join('-');
}

/** @throws BackupError `usage` where it is too short, or could not be typed when age asks for it */
export function requireStrong(passphrase: string): void {
  if ([...passphrase].some((character) => character < ' ' || character === '\x7f')) {
    throw new BackupError(
      'usage',
      'The passphrase has more than one line, or control characters: nobody could type it when age asks for it. Take ' +
        'one line of text.',
    );
  }
  if (passphrase.length >= SHORTEST) return;
  throw new BackupError(
    'usage',
    `The passphrase has fewer than ${SHORTEST} characters, and it guards all backups. Take a longer one, or let one be ` +
      'made with --generate.',
  );
}
