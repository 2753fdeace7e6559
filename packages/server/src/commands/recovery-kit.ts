// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { showControls } from '@local-backup/common/byte-path';
import { formatBytes } from '@local-backup/common/bytes';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { isWithin, realPath } from '../config/directories.ts';
import { type SealKey, seal, unseal } from '../recovery-kit/age-file.ts';
import { type Kit, membersOf, readKit } from '../recovery-kit/kit.ts';
import { packMembers } from '../recovery-kit/kit-archive.ts';
import { printsOf, writeKitState } from '../recovery-kit/kit-state.ts';
import { generatePassphrase, requireStrong } from '../recovery-kit/passphrase.ts';
import { labelled } from '../report/text.ts';
import { askPassphrases } from './ask-passphrase.ts';
import { gatherKit } from './kit-contents.ts';
import type { Session } from './session.ts';

export interface KitOptions {
  /** The file to write. */
  readonly to?: string;
  readonly passphraseFile?: string;
  /** Make a passphrase and show it once. */
  readonly generate?: boolean;
  /** `age1...`; whoever has the secret keys opens the kit without a passphrase. */
  readonly recipient?: readonly string[];
  /** Replace the file where it is there. */
  readonly force?: boolean;
}

/**
 * `backup-server recovery-kit --to FILE`: everything that an empty machine needs, in one encrypted file. Nothing of it
 * touches the disk before it is encrypted.
 * @returns the exit code: 1 where something is missing in the kit, which was written all the same
 */
export async function recoveryKit(session: Session, options: KitOptions): Promise<number> {
  const { config, json, print } = session;
  const file = await targetOf(options, config.stateDir);
  const key = await chooseKey(options, session);
  const kit = await gatherKit(session);
  const sealed = await seal(packMembers(membersOf(kit)), key);
  if ('passphrase' in key) readKit(await unseal(sealed, key, file));
  await writeFileAtomic(file, sealed, { mode: 0o600 });
  const { written, problems } = kit;
  const generated = options.generate === true && 'passphrase' in key ? key.passphrase : undefined;
  if (json) {
    const shown = generated === undefined ? {} : { passphrase: generated };
    print(JSON.stringify({ file, bytes: sealed.length, written, problems, ...shown }));
  } else for (const line of report(kit, file, { bytes: sealed.length, generated })) print(line);
  // Last: where this fails, a passphrase that was made here has been shown, without which the kit is worth nothing.
  await writeKitState(config.stateDir, { written, file, prints: printsOf(kit.files), problems: [...problems] });
  return problems.length === 0 ? 0 : 1;
}

/** Looked at before anybody types a passphrase. @throws BackupError `usage` */
async function targetOf({ to, force = false }: KitOptions, stateDir: string): Promise<string> {
  if (to === undefined) throw new BackupError('usage', 'Name the file to write: backup-server recovery-kit --to FILE');
  const file = resolve(to);
  const shown = showControls(file);
  if (isWithin(realPath(file), realPath(stateDir)))
    throw new BackupError('usage', `Cannot write the kit to ${shown}: what is in state_dir goes into kits itself.`);
  const parent = await stat(dirname(file)).catch(() => undefined);
  if (parent?.isDirectory() !== true)
    throw new BackupError('usage', `There is no directory ${showControls(dirname(file))} to write the kit into.`);
  const found = await lstat(file).catch(() => undefined);
  if (found === undefined || (force && !found.isDirectory())) return file;
  const advice = found.isDirectory() ? 'it is a directory' : 'it is there already. Give another name, or --force';
  throw new BackupError('usage', `Cannot write the kit to ${shown}: ${advice}.`);
}

/** @throws BackupError `usage` where there is none, or more than one */
async function chooseKey(options: KitOptions, { signal, scrubber }: Session): Promise<SealKey> {
  const { generate, passphraseFile, recipient = [] } = options;
  const given = [generate === true, passphraseFile !== undefined, recipient.length > 0];
  if (given.filter(Boolean).length > 1) {
    throw new BackupError('usage', 'Give one of --generate, --passphrase-file and --recipient, not several.');
  }
  if (recipient.length > 0) return { recipients: recipient };
  const passphrase = generate === true ? generatePassphrase() : await readPassphrase(passphraseFile, signal);
  requireStrong(passphrase);
  // Not one that was made here: it has to be shown.
  if (generate !== true) scrubber.add(passphrase);
  return { passphrase };
}

async function readPassphrase(file: string | undefined, signal: AbortSignal): Promise<string> {
  if (file !== undefined) return readSecretFile(file);
  const questions = ['Passphrase of the kit: ', 'The same again: '];
  const [first = '', second] = await askPassphrases(questions, signal);
  if (first === second) return first;
  throw new BackupError('usage', 'The two passphrases are not the same. Nothing was written.');
}

function report(
  { repositories, files, problems }: Kit,
  file: string,
  { bytes, generated }: { readonly bytes: number; readonly generated: string | undefined },
): readonly string[] {
  const count = files.filter(({ content }) => content !== undefined).length;
  return [
    ...problems.flatMap((problem) => labelled('MISSING: ', problem)),
    `Recovery kit written: ${showControls(file)}, ${formatBytes(bytes)}. In it: keys of ${plural(repositories.length, 'repository', 'repositories')}, ${plural(count, 'file', 'files')}.`,
    ...(generated === undefined ? [] : ['', `    ${generated}`, '', 'This is its passphrase. It is not shown again.']),
    'Whoever opens it can read every backup of every host. Keep it away from this machine and from the backups, and',
    'what opens it somewhere else again: on paper, for example.',
    'To open it anywhere, with the package age:  age -d FILE | tar -xzf - -C DIRECTORY   (then read README.txt)',
    `To see whether it is still good:  backup-server recovery-kit verify ${showControls(file)}`,
  ];
}

function plural(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
