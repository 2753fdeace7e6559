// SPDX-License-Identifier: AGPL-3.0-or-later
import type { PlaceFacts, Tree } from '../looks/places.ts';
import type { KnownDatabase } from '../looks/sqlite.ts';
import { type Proposal, serviceNameOf } from '../proposal.ts';

interface TreeText {
  readonly type: string;
  readonly name: string;
  readonly saves: string;
  readonly decide: readonly string[];
  readonly hints?: readonly string[];
}

const LARGE = 'What need not be saved (caches, downloads, backups of other machines) goes into `exclude`.';
const MOUNTS = 'one_file_system: true  # do not descend into what is mounted there';
const SNAPSHOT = 'snapshot: auto         # all files of one moment; see docs/install.md for the rights that it needs';

const TREE_TEXTS: Readonly<Record<string, TreeText>> = {
  '/etc': {
    type: 'system',
    name: 'etc',
    saves: 'Saves the configuration of this machine, that of the backup included, with passwords and keys in it.',
    decide: [],
    hints: ['exclude: [/etc/backup/secret]'],
  },
  '/root': { type: 'files', name: 'root', saves: 'Saves the home of root.', decide: [], hints: ['exclude: [.cache/]'] },
  '/home': {
    type: 'files',
    name: 'home',
    saves: 'Saves the homes of all users.',
    decide: [LARGE],
    hints: ['exclude: [.cache/, node_modules/, .local/share/Trash/]', MOUNTS, SNAPSHOT],
  },
  '/opt': {
    type: 'files',
    name: 'opt',
    saves: 'Saves what was installed beside the packages.',
    decide: ['What other services save already (compose projects) can be left out.', LARGE],
    hints: ['exclude: [/opt/PROJECT]', MOUNTS],
  },
  '/srv': {
    type: 'files',
    name: 'srv',
    saves: 'Saves the data of services.',
    decide: ['What other services save already (compose projects) and repositories of backups can be left out.', LARGE],
    hints: ['exclude: [/srv/restic]', MOUNTS, SNAPSHOT],
  },
  '/var/www': {
    type: 'web',
    name: 'www',
    saves: 'Saves the web roots.',
    decide: ['The database of a web site is saved by a service of its own.'],
    hints: ['exclude: [cache/, sessions/]'],
  },
  '/usr/local': { type: 'files', name: 'usr-local', saves: 'Saves programs and scripts of your own.', decide: [] },
};

/** A service for each tree, and one for what a rebuild of the machine needs, which every host has. Pure. */
export function proposePlaces({ trees, isProxmox, isUnivention, modules, runParts }: PlaceFacts): readonly Proposal[] {
  const mail = trees.filter(({ path }) => path === '/var/mail' || path === '/var/vmail');
  return [
    proposeSystem(isProxmox),
    ...trees.flatMap(proposeTree),
    ...(mail.length === 0 ? [] : [proposeMail(mail)]),
    ...(isUnivention ? [UNIVENTION] : []),
    ...(modules.length === 0 ? [] : [proposeModules(modules)]),
    ...(runParts.length === 0 ? [] : [proposeRunParts(runParts)]),
  ];
}

function proposeSystem(isProxmox: boolean): Proposal {
  const machines = 'The virtual machines themselves are not saved here: that is the work of vzdump.';
  return {
    type: 'system',
    name: 'system',
    why: isProxmox ? 'every machine has it; this one runs Proxmox VE (/etc/pve)' : 'every machine has it',
    saves:
      'Saves what a rebuild needs and no file says: packages, partitions, RAID and LVM, mounts, network, units, crontabs' +
      `${isProxmox ? ', and the configuration of Proxmox VE with that of all guests' : ''}.`,
    decide: isProxmox ? [machines] : [],
    tasks: [{ key: 'system', options: {} }],
  };
}

function proposeTree({ path, real, bytes }: Tree): readonly Proposal[] {
  const text = TREE_TEXTS[path];
  if (text === undefined) return [];
  const { type, name, saves, decide, hints = [] } = text;
  const why = `there are files in ${path}${path === real ? '' : `, which leads to ${real}`}`;
  return [{ type, name, why, saves, decide, bytes, tasks: [{ key: 'files', options: { paths: [real] }, hints }] }];
}

function proposeMail(trees: readonly Tree[]): Proposal {
  const paths = [...new Set(trees.map(({ real }) => real))];
  const sizes = trees.map(({ bytes }) => bytes);
  const bytes = sizes.every((size) => size !== undefined)
    ? sizes.reduce((sum: number, size) => sum + (size ?? 0), 0)
    : undefined;
  return {
    type: 'mail',
    name: 'mail',
    why: `there are mails in ${paths.join(' and ')}`,
    saves: 'Saves the mails of this machine, while mails may come in.',
    decide: [],
    bytes,
    tasks: [{ key: 'files', options: { paths } }],
  };
}

const UNIVENTION: Proposal = {
  type: 'system',
  name: 'univention',
  why: '/etc/univention/base.conf',
  saves: 'Runs univention-backup and saves its newest archive, and the configuration beside it.',
  decide: [],
  tasks: [{ key: 'univention', options: { custom_paths: ['/etc/univention'] } }],
};

function proposeModules(modules: readonly string[]): Proposal {
  return {
    type: 'other',
    name: 'backup-modules',
    why: `backup modules of the original system: ${modules.join(', ')}`,
    saves: 'Runs the modules in /root/scripts/backup-modules as they are, and saves what they leave.',
    decide: ['What a module saves and another service here saves too is saved twice: keep one of them.'],
    tasks: [
      { key: 'module', options: { directory: '/root/scripts/backup-modules' }, hints: ['only: [mariadb, grafana]'] },
    ],
  };
}

function proposeRunParts(scripts: readonly string[]): Proposal {
  return {
    type: 'other',
    name: 'backup-scripts',
    why: `scripts in /etc/backup-scripts: ${scripts.join(', ')}`,
    saves: 'Runs the scripts by run-parts, and saves what they leave in /var/lib/backup.',
    decide: [],
    tasks: [{ key: 'run_parts', options: { directory: '/etc/backup-scripts' } }],
  };
}

/** A service for each well-known program with SQLite databases. Pure. */
export function proposeSqlite(databases: readonly KnownDatabase[]): readonly Proposal[] {
  const programs = [...new Set(databases.map(({ program }) => program))];
  return programs.map((program) => {
    const paths = databases.filter((each) => each.program === program).map(({ path }) => path);
    return {
      type: 'databases',
      name: serviceNameOf(program),
      why: `a database of ${program}: ${paths.join(', ')}`,
      saves: 'Saves the SQLite databases as copies of one moment, which are checked. Nothing is stopped.',
      decide: ['The other files of the program (attachments, configuration): add a task `files` with their paths.'],
      tasks: [{ key: 'sqlite', options: { paths } }],
    };
  });
}
