// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { SpoolArchive, SpoolContents } from './spool-contents.ts';

/** Names quoted in one message. */
const NAMES_SHOWN = 3;

/** Why there is nothing to take and what to look at on the client, likeliest cause first. */
export function describeNone(
  { hostname, directory }: { readonly hostname: string; readonly directory: string },
  contents: SpoolContents,
): string {
  const found = `No backup archives found for ${hostname} in ${directory}.`;
  const { withoutManifest, future, otherHosts } = contents;
  if (withoutManifest.length > 0) {
    return `${found} There is no manifest beside ${quoteNames(withoutManifest)}: either the client's run broke off (look at its log), or the archive was made by the shell client; if so, set accept_without_manifest for this host.`;
  }
  if (future.length > 0) {
    return `${found} The names of those that are there lie in the future (${quoteNames(future)}): check the clock of ${hostname}.`;
  }
  if (otherHosts.length > 0) {
    return `${found} There are archives of other names (${quoteNames(otherHosts)}): \`hostname\` has to be the same in the client's and in the server's configuration.`;
  }
  return `${found} Look on ${hostname}: did the last run of backup-client succeed (its log and mail), is its timer active, and is ${directory} its base_backup_dir?`;
}

/** One sentence for each kind of oddity in a spool. */
export function describeOddities(contents: SpoolContents, taken: SpoolArchive | undefined): string[] {
  const passedOver = contents.withoutManifest.filter(({ stamp }) => taken !== undefined && stamp > taken.stamp);
  return [
    ...sentence(
      contents.future,
      (names) => `Not taken, as the name lies in the future: ${names}. Check the client's clock.`,
    ),
    ...sentence(
      passedOver,
      (names) => `Not taken, as there is no manifest beside it: ${names}. Did the client's run break off?`,
    ),
    ...sentence(
      contents.otherHosts,
      (names) => `The spool holds archives of other hosts; they were left alone: ${names}.`,
    ),
    ...sentence(contents.notFiles, (names) => `Not taken, as it is no regular file: ${names}.`),
  ];
}

/** For an archive that is accepted without a manifest. */
export function describeMissingManifest({ name }: SpoolArchive): string {
  return `${name} has no manifest: it was taken as accept_without_manifest allows, but its size and content could not be compared with what the client wrote.`;
}

/** For tags of snapshots that lie in the future. */
export function describeFutureTags(stamps: readonly string[]): string[] {
  const names = stamps.map((name) => ({ name }));
  return sentence(
    names,
    (quoted) => `Stored snapshots lie in the future and do not count as the newest state: ${quoted}.`,
  );
}

function sentence(items: readonly { readonly name: string }[], write: (names: string) => string): string[] {
  return items.length === 0 ? [] : [write(quoteNames(items))];
}

function quoteNames(items: readonly { readonly name: string }[]): string {
  const shown = items.slice(0, NAMES_SHOWN).map(({ name }) => showControls(name));
  const rest = items.length > NAMES_SHOWN ? ` and ${items.length - NAMES_SHOWN} more` : '';
  return `${shown.join(', ')}${rest}`;
}
