// SPDX-License-Identifier: AGPL-3.0-or-later

/** Where the tools of an administrator are; cron and su leave the sbin directories out of PATH. */
const SYSTEM_DIRECTORIES = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** All that a child gets of our own environment: everything else may hold secrets or change what a program does. */
const INHERITED = ['HOME', 'TMPDIR', 'TZ'] as const;

/**
 * The environment of a program that we start. The locale is fixed because messages and numbers are read by us: English,
 * UTF-8, sorted by bytes.
 */
export function childEnvironment(
  own: Readonly<Record<string, string | undefined>>,
  added: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const environment: Record<string, string> = {
    PATH: searchPath(own.PATH),
    LANG: 'C.UTF-8',
    LC_ALL: 'C.UTF-8',
  };
  for (const name of INHERITED) {
    const value = own[name];
    if (value !== undefined) environment[name] = value;
  }
  return { ...environment, ...added };
}

/** Absolute directories only: an empty or relative one means "wherever we happen to stand". */
function searchPath(own = ''): string {
  const directories = own.split(':').filter((directory) => directory.startsWith('/'));
  return [...new Set([...directories, ...SYSTEM_DIRECTORIES])].join(':');
}
