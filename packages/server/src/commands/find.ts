// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { foldVersions, renderVersions, type Version } from '../report/render-found.ts';
import { type Glob, parseGlob } from '../restore/glob.ts';
import { selectHosts } from '../select-hosts.ts';
import { historyOf, storeOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface FindOptions {
  readonly host?: readonly string[];
}

/**
 * `backup-server find GLOB`: which snapshots of which hosts hold it, each version once. A repository that cannot be read
 * is told in the log; the others are searched all the same.
 */
export async function find(session: Session, text: string, options: FindOptions): Promise<number> {
  const { config, json, log, print, signal } = session;
  const glob = parseGlob(text);
  if ('complaint' in glob) throw new BackupError('usage', `"${showControls(text)}" ${glob.complaint}.`);
  const { hosts, rejectedHosts } = selectHosts(config, options.host ?? []);
  for (const rejected of rejectedHosts) log.error(rejected.message);
  let failures = rejectedHosts.length;
  const versions: Version[] = [];
  for (const host of hosts) {
    signal.throwIfAborted();
    try {
      versions.push(...(await findIn(session, host, glob)));
    } catch (error) {
      signal.throwIfAborted();
      failures += 1;
      log.error('the snapshots cannot be searched', { host: host.hostname, error });
    }
  }
  if (json) print(JSON.stringify(versions, undefined, 2));
  else for (const line of render(versions, text, failures)) print(line);
  return failures === 0 ? 0 : 1;
}

function render(versions: readonly Version[], text: string, failures: number): readonly string[] {
  if (versions.length > 0) return renderVersions(versions);
  const where = failures === 0 ? '' : ', in what could be searched';
  return [`Nothing found that is called "${showControls(text)}"${where}. ${HINT}`];
}

const HINT = 'Names are matched as a whole, case counts: try "*PART*".';

async function findIn(session: Session, host: Host, glob: Glob): Promise<readonly Version[]> {
  const found = await historyOf(host, session).find(glob.text, session.signal);
  const all = await storeOf(host, session).snapshots(session.signal);
  // restic tells of everything below a directory that fits as well.
  const fitting = found.map(({ snapshot, items }) => ({
    snapshot,
    items: items.filter(({ path }) => glob.matchesEnd(path)),
  }));
  return foldVersions(host.hostname, fitting, all);
}
