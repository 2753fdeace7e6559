// SPDX-License-Identifier: AGPL-3.0-or-later
import { labelled } from './text.ts';

/** A repository that has two passwords, one of which is to go. */
export interface Rotation {
  readonly host: string;
  /** Name of the copy; undefined for the host's own repository. */
  readonly copy: string | undefined;
  /** File with the new password. */
  readonly file: string;
  /** Where the old one comes from, for people. */
  readonly source: string;
  /** Id of its key, short. */
  readonly oldKey: string;
  readonly configFile: string;
  /** What else is opened by the old one. */
  readonly sharing: readonly string[];
  /** Of a copy: the other hosts, whose password for it stands at the same place of the configuration. */
  readonly sameKey: readonly string[];
}

/** What is left to do by hand: where the new password is kept is the admin's decision, and others may use the old one. */
export function renderRotation(rotation: Rotation): readonly string[] {
  const { host, copy, file, source, oldKey, configFile, sharing, sameKey } = rotation;
  const [key, place] =
    copy === undefined ? ['restic_password_file', `host ${host}`] : ['password_file', `copy ${copy}`];
  const shared = `${source} also opens: ${sharing.join(', ')}. Leave the file as it is until all of them have been rotated.`;
  return [
    `The old one (key ${oldKey}, from ${source}) still opens it too. Next:`,
    ...(sameKey.length === 0
      ? []
      : [`  0. ${place} has one password for all hosts, so first do the same for the others:`]),
    ...sameKey.map((other) => `     backup-server key rotate ${other} --copy ${copy} --password-file ${file}`),
    `  1. In ${configFile}, at the ${place}:  ${key}: ${file}`,
    ...(sharing.length === 0 ? [] : labelled('     ', shared)),
    `  2. backup-server check ${host}`,
    `  3. backup-server key remove ${host} ${oldKey}${copy === undefined ? '' : ` --copy ${copy}`}`,
    '  4. backup-server recovery-kit --to FILE   (older kits hold the old password)',
  ];
}
