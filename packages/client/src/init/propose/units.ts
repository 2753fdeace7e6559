// SPDX-License-Identifier: AGPL-3.0-or-later
import type { OwnUnit } from '../looks/units.ts';
import { type Proposal, serviceNameOf } from '../proposal.ts';

/** A service for each unit of the admin's own that says where its data is. Pure. */
export function proposeUnits(units: readonly OwnUnit[]): readonly Proposal[] {
  return units
    .filter(({ directories }) => directories.length > 0)
    .map(({ unit, directories }) => ({
      type: 'services',
      name: serviceNameOf(unit.replace(/\.service$/, '')),
      why: `${unit} is no unit of a package, and works in ${directories.join(', ')}`,
      saves: 'Saves the directories that the unit names, and its unit file.',
      decide: [
        'The unit is stopped while they are read, and started again if it ran. Where it may not be stopped, remove `systemd`.',
        'A database in them is saved by a task of its own: `sqlite`, `postgresql`, `mariadb`.',
      ],
      tasks: [
        { key: 'systemd', options: { units: [unit] } },
        { key: 'files', options: { paths: directories }, hints: ["exclude: ['*.log', cache/]"] },
      ],
    }));
}

/** What is said of the others. Pure. */
export function unitNotes(units: readonly OwnUnit[]): readonly string[] {
  const silent = units.filter(({ directories }) => directories.length === 0).map(({ unit }) => unit);
  if (silent.length === 0) return [];
  const names =
    silent.length > 10 ? `${silent.slice(0, 10).join(', ')} and ${silent.length - 10} more` : silent.join(', ');
  return [
    `Units of your own that name no directory with data: ${names}. Their files are in /etc; where is their data?`,
  ];
}
