// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';

/** Where a secret is; never its value. A credential is one of systemd's, handed over by the unit. */
export type SecretPlace = { readonly file: string } | { readonly credential: string };

/** Mode bits that a secret must not have. systemd lets the group of the service read its credentials in some versions. */
export const FORBIDDEN_MODE = { file: 0o077, credential: 0o007 } as const;

/**
 * The file that a secret is in.
 * @throws BackupError `config` for a credential where systemd has handed none over
 */
export function fileOf(place: SecretPlace, directory = process.env.CREDENTIALS_DIRECTORY): string {
  if ('file' in place) return place.file;
  if (directory?.startsWith('/') === true) return join(directory, place.credential);
  const name = place.credential;
  throw new BackupError(
    'config',
    `The systemd credential "${name}" cannot be read: CREDENTIALS_DIRECTORY is not set, so this program was not started by ` +
      `a unit that has it. The unit needs: LoadCredential=${name}:/path/of/the/secret (systemctl edit). By hand: ` +
      `systemd-run --pipe --wait -p LoadCredential=${name}:/path/of/the/secret backup-server ...`,
  );
}

/** For messages. */
export function describePlace(place: SecretPlace): string {
  return 'file' in place ? place.file : `the systemd credential "${place.credential}"`;
}
