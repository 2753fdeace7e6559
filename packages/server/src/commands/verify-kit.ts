// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { identitiesIn, type OpenKey, unseal } from '../recovery-kit/age-file.ts';
import { compareKits, type KitList, readKit } from '../recovery-kit/kit.ts';
import { formatTime, labelled } from '../report/text.ts';
import { askPassphrases } from './ask-passphrase.ts';
import { gatherKit } from './kit-contents.ts';
import type { Session } from './session.ts';

export interface VerifyKitOptions {
  readonly passphraseFile?: string;
  /** File with secret keys of age. */
  readonly identity?: string;
}

/** More is no kit. */
const LARGEST_BYTES = 256 * 1024 * 1024;
const LARGEST_IDENTITY = 64 * 1024;

/**
 * `backup-server recovery-kit verify FILE`: can the kit be opened, is it whole, and is it what would be written now?
 * @returns the exit code: 1 where it is not of today, or lacks something
 */
export async function verifyKit(session: Session, name: string, options: VerifyKitOptions): Promise<number> {
  const { json, print } = session;
  const file = resolve(name);
  const shown = showControls(file);
  const sealed = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
    throw new BackupError('usage', `${shown} cannot be read (${cause.code}).`, { cause });
  });
  if (sealed.length > LARGEST_BYTES) throw new BackupError('usage', `${shown} is too large to be a recovery kit.`);
  const list = readKit(await unseal(sealed, await openingKey(options, session), shown));
  const now = await gatherKit(session);
  const changes = compareKits(list, now);
  if (json)
    print(
      JSON.stringify({
        ...{ file, written: list.written, server: list.server, changes },
        ...{ lacks: list.problems, problems: now.problems },
      }),
    );
  else for (const line of report(shown, list, { changes, problems: now.problems })) print(line);
  return changes.length === 0 && list.problems.length === 0 ? 0 : 1;
}

function report(
  file: string,
  { files, server, written, problems: lacks }: KitList,
  { changes, problems }: { readonly changes: readonly string[]; readonly problems: readonly string[] },
): readonly string[] {
  return [
    `${file} can be opened and is whole: ${files.length} files of ${showControls(server)}, ${formatTime(written)}.`,
    ...lacks.flatMap((problem) => labelled('MISSING in it: ', problem)),
    ...(changes.length === 0 ? [] : ['It is not what would be written now:']),
    ...changes.flatMap((change) => labelled('  ', change)),
    ...problems.flatMap((problem) => labelled('MISSING now: ', problem)),
    adviceFor(changes.length + lacks.length > 0, problems.length > 0),
  ];
}

function adviceFor(isOld: boolean, isSomethingMissing: boolean): string {
  if (!isOld) return isSomethingMissing ? 'What can be had now is in it.' : 'It holds everything as it is now.';
  if (isSomethingMissing) return 'Keep it, and mend first what is missing now: another one would lack that too.';
  return 'Write another one: backup-server recovery-kit --to FILE';
}

/** @throws BackupError `usage` */
async function openingKey(
  { passphraseFile, identity }: VerifyKitOptions,
  { signal, scrubber }: Session,
): Promise<OpenKey> {
  if (identity !== undefined && passphraseFile !== undefined)
    throw new BackupError('usage', 'Give --identity or --passphrase-file, not both.');
  if (identity !== undefined) {
    return { identities: identitiesIn(await readSecretFile(identity, LARGEST_IDENTITY), identity) };
  }
  const passphrase =
    passphraseFile === undefined
      ? (await askPassphrases(['Passphrase of the kit: '], signal)).join('')
      : await readSecretFile(passphraseFile);
  scrubber.add(passphrase);
  return { passphrase };
}
