// SPDX-License-Identifier: AGPL-3.0-or-later
import { SERVICE_NAME_PATTERN } from '@local-backup/common/manifest';

/** A block of a service.yaml that is proposed. */
export interface ProposedTask {
  readonly key: string;
  /** As they are written into the file. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Settings that are written as comments: `exclude: ['*.tmp']`, or prose. Each one line. */
  readonly hints?: readonly string[];
}

/** A service.yaml that `init` would write. */
export interface Proposal {
  readonly type: string;
  readonly name: string;
  /** What was seen on this host that it is proposed for, in one line. */
  readonly why: string;
  /** What it saves, as a sentence. */
  readonly saves: string;
  /** What whoever reads the file has to decide, and where passwords go. */
  readonly decide: readonly string[];
  readonly tasks: readonly ProposedTask[];
  /** Bytes of what it would save, where that was cheap to know. */
  readonly bytes?: number | undefined;
  /** Counts in its place unless all of these (see subjects.ts) are saved by others: nothing may fall between two. */
  readonly otherwise?: { readonly unlessSaved: readonly string[]; readonly instead: Proposal };
}

/** `type/name` */
export function serviceOf({ type, name }: Pick<Proposal, 'type' | 'name'>): string {
  return `${type}/${name}`;
}

/** A name of a service that is as near as can be to a name that may be anything. */
export function serviceNameOf(text: string): string {
  const name = text
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .replace(/-+$/, '')
    .slice(0, LONGEST);
  return SERVICE_NAME_PATTERN.test(name) ? name : 'service';
}

/** Of a name, in characters: there is room for a number behind it. */
const LONGEST = 90;

/** The proposals with names that neither another one nor a service of the host (`taken`) has. */
export function withDistinctNames(proposals: readonly Proposal[], taken: readonly string[]): Proposal[] {
  const used = new Set(taken);
  return proposals.map((proposal) => {
    let { name } = proposal;
    for (let number = 2; used.has(serviceOf({ ...proposal, name })); number += 1) name = `${proposal.name}-${number}`;
    used.add(serviceOf({ ...proposal, name }));
    return renamed(proposal, name);
  });
}

function renamed(proposal: Proposal, name: string): Proposal {
  const { otherwise } = proposal;
  if (otherwise === undefined) return { ...proposal, name };
  return { ...proposal, name, otherwise: { ...otherwise, instead: { ...otherwise.instead, name } } };
}
