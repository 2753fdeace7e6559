// SPDX-License-Identifier: AGPL-3.0-or-later
import { type BytePath, displayPath } from '@local-backup/common/byte-path';
import type { Entry, EntryType } from '@local-backup/common/entry';
import { PROOF_DIRECTORY } from '../../tree/proof-directory.ts';

/** Looks at one member; answers what is wrong with it, as the rest of a sentence that begins with its path. */
export type Rule = (entry: Entry, seen: Seen) => string | undefined;

/** The members that came before. A hard link counts as what it is another name of. */
export interface Seen {
  readonly kindOf: (path: BytePath) => EntryType | undefined;
}

/** The archive's root. */
const ROOT = '.' as BytePath;

/** NAME_MAX of Linux. */
const MAX_COMPONENT_BYTES = 255;

/** No devices: nothing that is restored needs one, and one on the server is a door to its disks. */
const ALLOWED_TYPES: readonly EntryType[] = ['file', 'directory', 'symlink', 'hardlink', 'fifo'];

const allowedType: Rule = ({ type }) => (ALLOWED_TYPES.includes(type) ? undefined : `is a ${type} device`);

const plainPath: Rule = ({ path }) => (path === ROOT ? undefined : complainAboutPath(path));

const rootIsDirectory: Rule = ({ path, type }) =>
  path === ROOT && type !== 'directory' ? 'is the root of the archive, but no directory' : undefined;

const notReserved: Rule = ({ path }) =>
  firstComponent(path) === PROOF_DIRECTORY ? 'is a name that the server keeps for itself' : undefined;

const notTwice: Rule = ({ path }, { kindOf }) => (kindOf(path) === undefined ? undefined : 'comes twice');

/** Also what keeps members from being written through symlinks: the parent must have come, and as a directory. */
const insideDirectory: Rule = ({ path }, { kindOf }) => {
  const parent = parentOf(path);
  if (parent === ROOT) return undefined;
  const kind = kindOf(parent);
  if (kind === undefined) return 'comes before the directory that it is in';
  return kind === 'directory' ? undefined : `is beneath a ${kind}`;
};

const linkHasTarget: Rule = ({ type, link }) =>
  (type === 'symlink' || type === 'hardlink') && (link === undefined || link === '')
    ? 'is a link without a target'
    : undefined;

/** GNU tar makes hard links of files, symlinks and FIFOs; each is linked as it is, never followed. */
const hardLinkToEarlierMember: Rule = ({ type, link }, { kindOf }) => {
  if (type !== 'hardlink' || link === undefined) return undefined;
  const complaint = complainAboutPath(link);
  if (complaint !== undefined) return `is a hard link to ${displayPath(link)}, which ${complaint}`;
  const kind = kindOf(link);
  if (kind === undefined) return `is a hard link to ${displayPath(link)}, which did not come before`;
  return kind === 'directory' ? `is a hard link to the directory ${displayPath(link)}` : undefined;
};

/** In this order: the later rules rely on the earlier ones. */
const RULES: readonly Rule[] = [
  allowedType,
  plainPath,
  rootIsDirectory,
  notReserved,
  notTwice,
  insideDirectory,
  linkHasTarget,
  hardLinkToEarlierMember,
];

/** What is wrong with a member, or undefined. */
export function complainAbout(entry: Entry, seen: Seen): string | undefined {
  for (const rule of RULES) {
    const complaint = rule(entry, seen);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

function complainAboutPath(path: BytePath): string | undefined {
  if (path === '') return 'is empty';
  if (path.startsWith('/')) return 'is an absolute path';
  if (path.includes('\0')) return 'holds a NUL';
  const components = path.split('/');
  if (components.some((component) => component === '..')) return 'has ".." in it';
  if (components.some((component) => component === '' || component === '.')) return 'has an empty component';
  if (components.some((component) => component.length > MAX_COMPONENT_BYTES)) {
    return `has a component of more than ${MAX_COMPONENT_BYTES} bytes`;
  }
  return undefined;
}

function firstComponent(path: BytePath): string {
  const end = path.indexOf('/');
  return end === -1 ? path : path.slice(0, end);
}

function parentOf(path: BytePath): BytePath {
  const end = path.lastIndexOf('/');
  return end === -1 ? ROOT : (path.slice(0, end) as BytePath);
}
