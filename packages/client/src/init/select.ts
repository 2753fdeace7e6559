// SPDX-License-Identifier: AGPL-3.0-or-later
import { type Proposal, type ProposedTask, serviceOf, withDistinctNames } from './proposal.ts';
import { covers, subjectsOf } from './subjects.ts';

/** A service of this host, as far as its file could be read. */
export interface ExistingService {
  /** `type/name` */
  readonly service: string;
  /** The same of its directory, which may have another name. */
  readonly directory: string;
  readonly file: string;
  readonly subjects: readonly string[];
  /** It names single databases: others of the same server may be missing. */
  readonly isPartial: boolean;
}

/** What is not proposed, because a service of the host saves it. */
export interface Already {
  readonly service: string;
  readonly file: string;
  /** `path:/etc` and the like, in words. */
  readonly what: string;
  readonly isPartial: boolean;
}

/** What is new to this host, under names that are free, and what it has. Pure. */
export function splitKnown(
  proposals: readonly Proposal[],
  existing: readonly ExistingService[],
): { readonly fresh: readonly Proposal[]; readonly already: readonly Already[] } {
  const already: Already[] = [];
  const find = (subject: string) => existing.find(({ subjects }) => subjects.some((saved) => covers(saved, subject)));
  const isKnown = (subject: string): boolean => {
    const found = find(subject);
    if (found === undefined) return false;
    const { service, file, isPartial } = found;
    already.push({ service, file, isPartial, what: inWords(subject) });
    return true;
  };
  const fresh = proposals.flatMap((proposal) => {
    const tasks = proposal.tasks.flatMap((task) => withoutKnown(task, isKnown));
    // Stopping units is no use of its own.
    const isLeft = tasks.some(({ key }) => key !== 'systemd');
    if (!isLeft) return [];
    return [tasks.length === proposal.tasks.length ? { ...proposal, tasks } : { ...proposal, tasks, bytes: undefined }];
  });
  const taken = existing.flatMap(({ service, directory }) => [service, directory]);
  return { fresh: withDistinctNames(fresh, taken), already };
}

/** The task with what is left of it, or nothing. */
function withoutKnown(task: ProposedTask, isKnown: (subject: string) => boolean): ProposedTask[] {
  const { key, options } = task;
  if ((key === 'files' || key === 'sqlite') && Array.isArray(options.paths)) {
    const paths = options.paths.filter((path) => !subjectsOf(key, { paths: [path] }).some(isKnown));
    return paths.length === 0 ? [] : [{ ...task, options: { ...options, paths } }];
  }
  return subjectsOf(key, options).some(isKnown) ? [] : [task];
}

/**
 * What is written of what was chosen: a proposal that relies on another one's saving something counts in its other form
 * where that was not chosen. Pure.
 */
export function settle(chosen: readonly Proposal[], existing: readonly ExistingService[]): readonly Proposal[] {
  const saved = [
    ...existing.flatMap(({ subjects }) => subjects),
    ...chosen.flatMap(({ tasks }) => tasks.flatMap(({ key, options }) => subjectsOf(key, options))),
  ];
  return chosen.map((proposal) => {
    const { otherwise } = proposal;
    if (otherwise === undefined) return proposal;
    return otherwise.unlessSaved.every((subject) => saved.includes(subject)) ? proposal : otherwise.instead;
  });
}

/** Those that were named by `--service`; all where none was. @returns names that are no proposal, too */
export function chooseNamed(
  proposals: readonly Proposal[],
  wanted: readonly string[],
): { readonly chosen: readonly Proposal[]; readonly unknown: readonly string[] } {
  if (wanted.length === 0) return { chosen: proposals, unknown: [] };
  const isNamed = (proposal: Proposal, name: string) => name === proposal.name || name === serviceOf(proposal);
  return {
    chosen: proposals.filter((proposal) => wanted.some((name) => isNamed(proposal, name))),
    unknown: wanted.filter((name) => !proposals.some((proposal) => isNamed(proposal, name))),
  };
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/^path:/, ''],
  [/^compose:/, 'compose project '],
  [/^sqlite:/, 'SQLite database '],
  [/^unit:/, 'unit '],
  [/^module:/, 'modules in '],
  [/^run_parts:/, 'scripts in '],
  [/^ldap:/, 'slapd in '],
  [/^(\w+):container:/, '$1 in container '],
  [/^(\w+):local:/, '$1 on this host, '],
];

function inWords(subject: string): string {
  const rule = WORDS.find(([pattern]) => pattern.test(subject));
  return rule === undefined ? subject : subject.replace(rule[0], rule[1]);
}
