// SPDX-License-Identifier: AGPL-3.0-or-later

import { open } from 'node:fs/promises';
import { showControls } from '@local-backup/common/byte-path';
import { TAR_UNPACKING } from '@local-backup/common/tar-options';
import { runSandboxed, type Sandbox } from '../../sandbox.ts';

/**
 * Every option is about getting back what was saved. Directories get their modes and times last, or a read-only one
 * could not be filled. File names in messages are escaped, so that one line is one message.
 */
const TAR = ['tar', '--extract', '--file=-', '--gzip', ...TAR_UNPACKING] as const;

/** Messages of tar quoted in one warning. */
const MESSAGES_SHOWN = 5;

/** `trusted.*` and most of `security.*` take CAP_SYS_ADMIN, which the child must not have. */
const LOST_ATTRIBUTE = /^tar: \S+: Cannot set (\S+) extended attribute for file (.*): Operation not permitted$/;

/**
 * Unpacks an archive that has been judged into an empty live tree.
 * @param sandbox its directory is the live tree
 * @param bytes of all its files together
 * @returns what was odd though it could be done
 * @throws BackupError `failed` where tar reports any error
 */
export async function unpackArchive(archive: string, sandbox: Sandbox, bytes: number): Promise<readonly string[]> {
  const handle = await open(archive, 'r');
  try {
    const stderr = await runSandboxed(sandbox, { command: TAR, stdin: handle.fd, maxFileBytes: bytes });
    return describeMessages(stderr.split('\n').filter((line) => line !== ''));
  } finally {
    await handle.close();
  }
}

/** Warnings out of what tar said although it succeeded. */
export function describeMessages(lines: readonly string[]): string[] {
  const lost = lines.flatMap((line) => {
    const [, attribute, file] = LOST_ATTRIBUTE.exec(line) ?? [];
    return attribute === undefined ? [] : [`${attribute} of ${file}`];
  });
  const other = lines.filter((line) => !LOST_ATTRIBUTE.test(line));
  return [
    ...describe('Extended attributes that only the kernel of the client may set were not kept', lost),
    ...describe('tar reported', other),
  ];
}

function describe(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  const shown = items.slice(0, MESSAGES_SHOWN).map(showControls).join('; ');
  const rest = items.length > MESSAGES_SHOWN ? `; and ${items.length - MESSAGES_SHOWN} more` : '';
  return [`${what}: ${shown}${rest}.`];
}
