// SPDX-License-Identifier: AGPL-3.0-or-later
import { didYouMean } from '@local-backup/common/config/suggest';
import { BackupError } from '@local-backup/common/errors';

/** Hosts that can be used, and those whose configuration is wrong. */
export interface Inventory<Usable, Unusable> {
  readonly hosts: readonly Usable[];
  readonly rejectedHosts: readonly Unusable[];
}

/**
 * The part of the inventory that is named on the command line, in the order of the inventory; all of it where nothing is
 * named.
 * @throws BackupError `usage` naming every unknown host and what there is
 */
export function selectHosts<
  Usable extends { readonly hostname: string },
  Unusable extends { readonly hostname: string | undefined },
>(inventory: Inventory<Usable, Unusable>, names: readonly string[]): Inventory<Usable, Unusable> {
  if (names.length === 0) return inventory;
  const isNamed = ({ hostname }: Usable | Unusable) => hostname !== undefined && names.includes(hostname);
  const known = [...inventory.hosts, ...inventory.rejectedHosts].flatMap(({ hostname }) => hostname ?? []);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new BackupError('usage', unknownHosts(unknown, known));
  return { hosts: inventory.hosts.filter(isNamed), rejectedHosts: inventory.rejectedHosts.filter(isNamed) };
}

function unknownHosts(unknown: readonly string[], known: readonly string[]): string {
  const complaints = unknown.map(
    (name) => `There is no host \`${name}\` in the configuration.${didYouMean(name, known)}`,
  );
  return [...complaints, `Configured hosts: ${known.length === 0 ? '(none)' : known.join(', ')}`].join('\n');
}
