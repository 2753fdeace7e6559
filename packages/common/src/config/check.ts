// SPDX-License-Identifier: AGPL-3.0-or-later
import type * as z from 'zod';
import { type Complaint, type ConfigPath, sortComplaints } from './complaint.ts';
import { explainIssue, showValue } from './explain.ts';
import { descriptionAt } from './schema-at.ts';
import { type ConfigSource, valueAt } from './source.ts';

export type Checked<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly complaints: readonly Complaint[] };

/** A problem with its whole path, unions resolved. */
interface Finding {
  readonly path: ConfigPath;
  readonly part: 'key' | 'value';
  readonly message: string;
}

/** Checks the value at `at` (default: all of the file); an empty section (`key:` and nothing) counts as one without keys. */
export function checkConfig<Value>(
  source: ConfigSource,
  schema: z.ZodType<Value>,
  at: ConfigPath = [],
): Checked<Value> {
  const result = schema.safeParse(valueAt(source.value, at) ?? {}, { error: explainIssue });
  if (result.success) return { ok: true, value: result.data };
  const findings = result.error.issues.flatMap((issue) => findingsOf(issue, at));
  const complaints = findings.map((finding) => {
    const description = descriptionAt(schema, finding.path.slice(at.length));
    return complaintOf(source, finding, description);
  });
  return { ok: false, complaints: sortComplaints(complaints) };
}

function complaintOf(source: ConfigSource, { path, part, message }: Finding, description?: string): Complaint {
  const value = valueAt(source.value, path);
  const text = part === 'key' ? message : withValue(message, value, path, description);
  return { file: source.file, ...source.locate(path, part), path, message: text };
}

function withValue(message: string, value: unknown, path: ConfigPath, description?: string): string {
  if (value !== undefined) {
    return `${message}${message.startsWith('must') ? ', but is' : '; it is'} ${showValue(value, path)}`;
  }
  // "must be text" helps nobody who has forgotten a key; what the key is for does.
  return `is missing: ${message.startsWith('must') ? (description ?? message) : message}`;
}

function findingsOf(issue: z.core.$ZodIssue, prefix: ConfigPath): Finding[] {
  const path = [...prefix, ...issue.path];
  if (issue.code === 'unrecognized_keys') {
    const messages = issue.message.split('\n');
    return issue.keys.map((key, index) => ({ path: [...path, key], part: 'key', message: messages[index] ?? '' }));
  }
  if (issue.code === 'invalid_key') return [{ path, part: 'key', message: issue.message }];
  if (issue.code !== 'invalid_union' || issue.message !== '') return [{ path, part: 'value', message: issue.message }];
  const branch = nearestBranch(issue.errors);
  if (branch !== undefined) return branch.flatMap((nested) => findingsOf(nested, path));
  return [{ path, part: 'value', message: anyOf(issue.errors) }];
}

/** Of the branches that the value has the right type for, the one with the fewest problems: the one that was meant. */
function nearestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]) {
  const sameType = branches.filter((issues) => issues.every((issue) => issue.path.length > 0 || !isTypeIssue(issue)));
  return sameType.sort((a, b) => a.length - b.length)[0];
}

function isTypeIssue(issue: z.core.$ZodIssue): boolean {
  return issue.code === 'invalid_type' || issue.code === 'invalid_value';
}

/** `must be a list or text` */
function anyOf(branches: readonly (readonly z.core.$ZodIssue[])[]): string {
  const messages = branches.flatMap((issues) => issues.filter(isTypeIssue).map((issue) => issue.message));
  const allowed = [...new Set(messages)].map((message) => message.replace(/^must be /, '').replace(/ \(.*\)$/, ''));
  return `must be ${allowed.join(' or ')}`;
}
