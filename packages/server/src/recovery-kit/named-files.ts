// SPDX-License-Identifier: AGPL-3.0-or-later
import type { WantedFile } from './collect-files.ts';

/** Variables for restic whose value is the path of a file: GOOGLE_APPLICATION_CREDENTIALS, AWS_CONFIG_FILE, RCLONE_CONFIG. */
const NAMES_FILE = /_(?:FILE|CONFIG|CREDENTIALS)$/;

/** The files that the variables of a repository name. */
export function filesInVariables(variables: Readonly<Record<string, string>>): readonly WantedFile[] {
  const named = Object.entries(variables).filter(([name, value]) => NAMES_FILE.test(name) && value.startsWith('/'));
  return named.map(([name, path]) => {
    // Certificates of the system change with its updates.
    return { path, kind: name === 'SSL_CERT_FILE' ? 'state' : 'configuration', neededFor: `${name} of a repository` };
  });
}

/**
 * The files that a configuration names: what stands at a key that ends in `_file`, wherever it is. Read from the text and
 * not from what the program made of it, so that a key that comes new is not forgotten here.
 * @param value plain data of a YAML file
 */
export function filesNamedIn(value: unknown): readonly WantedFile[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]): readonly WantedFile[] => {
    if (!/_files?$/.test(key)) return filesNamedIn(inner);
    const paths = [inner].flat().filter((path) => typeof path === 'string' && path.startsWith('/'));
    return paths.map((path): WantedFile => {
      // Host keys change whenever somebody logs in anywhere, and may be spread over files that need not exist.
      return key.startsWith('known_hosts') ? { path, kind: 'state' } : { path, kind: 'configuration', neededFor: key };
    });
  });
}
