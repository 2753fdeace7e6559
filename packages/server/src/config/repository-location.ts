// SPDX-License-Identifier: AGPL-3.0-or-later

/** Stands for the name of the host in a location. */
export const HOSTNAME_PLACE = '{hostname}';

/** Backends whose path begins after a second colon: `b2:bucket:path`. */
const BUCKET_ALONE = /^(?:b2|azure|gs|swift):[^:]+$/;

/**
 * The repository of one host: the root with `{hostname}` replaced, or with the name appended. Host names hold nothing
 * that means something in a path or a URL.
 */
export function repositoryLocationOf(root: string, hostname: string): string {
  if (root.includes(HOSTNAME_PLACE)) return root.replaceAll(HOSTNAME_PLACE, hostname);
  if (BUCKET_ALONE.test(root)) return `${root}:/${hostname}`;
  return `${root}${root.endsWith('/') ? '' : '/'}${hostname}`;
}

/** `user:password@`, where the password may hold an `@` of its own. */
const USER_INFO = /(:\/\/)([^/:@\s]*)(?::[^/\s]*)?@/;

/** `rclone:sftp,host=nas,pass=...:path`: settings in the place of the name of a remote. */
const RCLONE_SETTING = /(,\s*[\w-]+\s*=\s*)("[^"]*"|'[^']*'|[^,:"']*)/g;

/** Settings whose values are hidden everywhere; hiding the name of a host would hide too much. */
const SECRET_SETTING = /pass|secret|key|token|auth|cred|sas/i;

/** A repository's location without the secrets in it, for people: `rest:https://user:***@host/` and the like. */
export function withoutCredentials(location: string): string {
  if (location.startsWith('rclone:')) return location.replace(RCLONE_SETTING, '$1***');
  return location.replace(/(:\/\/[^/:@\s]*):[^/\s]*@/, '$1:***@');
}

/** The secrets that a location holds, as they are written there and as they are meant. */
export function secretsIn(location: string): readonly string[] {
  if (location.startsWith('rclone:')) {
    const settings = [...location.matchAll(RCLONE_SETTING)].filter(([, name = '']) => SECRET_SETTING.test(name));
    return settings.map(([, , value = '']) => value.replace(/^(["'])(.*)\1$/, '$2'));
  }
  const [, password = ''] = /:\/\/[^/:@\s]*:([^/\s]*)@/.exec(location) ?? [];
  return password === '' ? [] : [...new Set([password, decoded(password)])];
}

/** rclone gets a location as an argument, which every user of this machine can read. */
export function isReadByAll(location: string): boolean {
  return location.startsWith('rclone:') && secretsIn(location).some((value) => !/^(?:\/|true$|false$)/.test(value));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * What two locations of the same repository have in common, as far as that can be told from their spelling: without
 * credentials and superfluous slashes. Directories of this machine are for the caller to resolve.
 */
export function spellingOf(location: string): string {
  const [, scheme = '', rest = ''] = /^(\w+:(?:\w+:\/\/)?|)(.*)$/.exec(location.replace(USER_INFO, '$1')) ?? [];
  return `${scheme}${rest.replace(/\/{2,}/g, '/').replace(/\/$/, '')}`;
}
