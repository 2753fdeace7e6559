// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, stat } from 'node:fs/promises';
import { readSecretFile } from '@local-backup/common/config/file';
import { BackupError } from '@local-backup/common/errors';
import { withoutCredentials } from '../../config/repository-location.ts';
import { parseEnvironment } from './environment-file.ts';
import { FORBIDDEN_MODE, fileOf, type SecretPlace } from './secret-place.ts';

/** Variables for restic. */
export type Variables = Readonly<Record<string, string>>;

/** The same, or how to get them when they are needed: what holds secrets is read late and kept nowhere. */
export type Environment = Variables | (() => Promise<Variables>);

/** The variables of an environment, read now. */
export async function variablesOf(environment: Environment): Promise<Variables> {
  return typeof environment === 'function' ? environment() : environment;
}

/** A file of access keys; nothing of restic's needs more. */
const LONGEST_FILE = 64 * 1024;

/**
 * The variables in an environment file or credential. Parsed, never executed.
 * @param hide gets every value that may be secret before anything else is done with it
 * @throws BackupError `config` that tells file and line and never quotes a value
 */
export async function readEnvironment(place: SecretPlace, hide: (secret: string) => void): Promise<Variables> {
  const file = fileOf(place);
  const text = 'file' in place ? await readSecretFile(file, LONGEST_FILE) : await readCredential(file);
  const variables = parseEnvironment(text, file);
  for (const [name, value] of Object.entries(variables)) if (maySecret(name, value)) hide(value);
  return variables;
}

/** systemd has made it, in a directory that is the service's own. */
async function readCredential(file: string): Promise<string> {
  try {
    const facts = await stat(file);
    if (facts.isFile() && (facts.mode & FORBIDDEN_MODE.credential) === 0 && facts.size <= LONGEST_FILE)
      return await readFile(file, 'utf8');
  } catch (cause) {
    throw new BackupError(
      'config',
      `The systemd credential ${file} cannot be read (${(cause as NodeJS.ErrnoException).code}). See LoadCredential= of the unit: systemctl cat`,
      { cause },
    );
  }
  throw new BackupError(
    'config',
    `${file} is no systemd credential: no file of its own for this service, or too long.`,
  );
}

/** Names whose values are settings, and words that stand in every log: hiding them would hide the log. */
const SETTING =
  /(?:^|_)(?:HOME|TMPDIR|TZ|USER(?:NAME)?|NAME|REGION|TYPE|PROVIDER|ENDPOINT|HOST|PORT|URL|CONFIG|PROFILE|FILE|DIR|SOCK|PROXY|VERSION)$|^XDG_|^GOMAXPROCS$|^GOOGLE_(?:PROJECT_ID|APPLICATION_CREDENTIALS)$/i;

function maySecret(name: string, value: string): boolean {
  return !SETTING.test(name) && !/^(?:true|false|auto|none|\d{1,4})$/i.test(value);
}

const REST_USER = 'RESTIC_REST_USERNAME';
const REST_PASSWORD = 'RESTIC_REST_PASSWORD';

/**
 * A repository and its variables as restic gets them. The login of a REST server goes into the location, which goes by
 * the environment as well: restic before 0.16.1 knows no variables for it, and two repositories may need two logins.
 */
export function withRestLogin(
  repository: string,
  variables: Variables,
): { readonly repository: string; readonly variables: Variables } {
  const { [REST_USER]: user, [REST_PASSWORD]: password, ...others } = variables;
  if (user === undefined && password === undefined) return { repository, variables };
  if (!/^rest:https?:\/\/[^/@]*(?:\/|$)/.test(repository)) return { repository, variables: others };
  const login = [user ?? '', ...(password === undefined ? [] : [password])].map(encodeURIComponent).join(':');
  return { repository: repository.replace('://', `://${login}@`), variables: others };
}

/**
 * What one restic process needs for two repositories.
 * @throws BackupError `config` where both need the same variable with different values
 */
export function mergedVariables(
  first: { readonly repository: string; readonly variables: Variables },
  second: { readonly repository: string; readonly variables: Variables },
): Variables {
  const clashes = Object.keys(first.variables).filter((name) => {
    return name in second.variables && first.variables[name] !== second.variables[name];
  });
  if (clashes.length === 0) return { ...first.variables, ...second.variables };
  throw new BackupError(
    'config',
    `restic cannot copy from ${withoutCredentials(first.repository)} to ${withoutCredentials(second.repository)}: it is one process for both, and they need ` +
      `different values of ${clashes.join(', ')}. Make one of them a remote of rclone, which has its own configuration ` +
      'for each (`rclone config`, then `repository_root: rclone:REMOTE:path`).',
  );
}
