// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Flavour } from './flavour.ts';
import type { DatabaseOptions } from './options.ts';

type Place = Pick<DatabaseOptions, 'host' | 'port' | 'socket' | 'container' | 'user'>;

/** Where the server is, in a few words. */
function serverPlace(place: Place): string {
  const { host = 'localhost', port, socket, container } = place;
  const inside = container === undefined ? '' : ` in container ${container}`;
  if (socket !== undefined) return `at ${socket}${inside}`;
  if (host === 'localhost' && port === undefined) return `on this machine${inside}, by its socket`;
  return `at ${host}:${port ?? 3306}${inside}`;
}

/**
 * What an error of the client or the dump program means, and what to do next.
 * @param said the error's message, with the last lines of the program
 * @param file of the credentials, where there is one
 */
export function explain(
  said: string,
  { flavour, place, file }: { readonly flavour: Flavour; readonly place: Place; readonly file: string | undefined },
): string {
  const server = `${flavour.title} server ${serverPlace(place)}`;
  if (/\b(?:1045|1698|1044|1142|1227)\b/.test(said)) {
    const where = file === undefined ? 'no credentials file was given: set `defaults_file`' : `look into ${file}`;
    return `The ${server} refused the login or a right (${where}; \`user\` of the task wins over it).\n${said}`;
  }
  if (/\b(?:2002|2003|2005|2013|2006)\b/.test(said)) {
    const start = place.container === undefined ? `systemctl status ${flavour.name}` : `look at ${place.container}`;
    return `The ${server} cannot be reached or went away. Is it running (${start}), and are host, port and socket right?\n${said}`;
  }
  if (/\b(?:1205|1213)\b|timed? ?out|time limit/i.test(said)) {
    return `The ${server} took too long: a table that is locked, or \`timeout\` of the task is too short.\n${said}`;
  }
  return said;
}
