// SPDX-License-Identifier: AGPL-3.0-or-later
import * as z from 'zod';
import { escapeControls } from '../byte-path.ts';
import { createScrubber } from '../redact.ts';
import type { ConfigPath } from './complaint.ts';
import { didYouMean } from './suggest.ts';

const EXPECTED: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a section with keys of its own',
  record: 'a section with keys of its own',
};

/** Keys whose values are not shown in messages. A file name or a command is no secret. */
const SECRET_KEY = /(?:pass(?:word|wd|phrase)?|secret|token|credentials?|key)$/i;

/** Takes passwords out of addresses. */
const { scrub } = createScrubber();

/** Longer values are cut in messages. */
const SHOWN_CHARACTERS = 60;

/**
 * Words for one problem that zod found: what is allowed, as `must be ...`; for unknown keys one line per key. Nothing
 * for a union: its branches have to be weighed, see check.ts. Given to `safeParse` as its error map.
 */
export function explainIssue(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return explainType(issue);
    case 'invalid_value':
      return `must be ${oneOf(issue.values)}`;
    case 'too_small':
      return explainBound(issue.origin, issue.minimum, 'at least');
    case 'too_big':
      return explainBound(issue.origin, issue.maximum, 'at most');
    case 'invalid_format':
      return issue.format === 'regex' ? `must look like ${issue.pattern}` : `must be a valid ${issue.format}`;
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, shapeKeys(issue.inst))).join('\n');
    case 'invalid_union':
      return Array.isArray(issue.options) ? `must be ${oneOf(issue.options)}` : '';
    case 'invalid_key':
      return `the key is not allowed: it ${issue.issues[0]?.message ?? 'must be text'}`;
    default:
      return 'is not allowed';
  }
}

/** A value as a message shows it: short, without control characters, secrets left out. */
export function showValue(value: unknown, path: ConfigPath): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a section with keys of its own';
  if (path.some((part) => typeof part === 'string' && SECRET_KEY.test(part))) return 'something else (not shown)';
  if (typeof value === 'number') return `the number ${value}`;
  return typeof value === 'string' ? showText(value) : String(value);
}

function showText(text: string): string {
  const withoutCredentials = scrub(text);
  const cut = withoutCredentials.slice(0, SHOWN_CHARACTERS);
  return `"${escapeControls(cut)}${cut === withoutCredentials ? '' : '...'}"`;
}

function explainType({ expected, input, inst }: z.core.$ZodRawIssue<z.core.$ZodIssueInvalidType>): string {
  const allowed = `must be ${EXPECTED[inst instanceof z.ZodNumberFormat ? 'int' : expected] ?? expected}`;
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean'))
    return `${allowed} (put it in quotes)`;
  if (typeof input !== 'string') return allowed;
  if (/^(?:number|int)$/.test(expected) && /^\d+(?:\.\d+)?$/.test(input)) return `${allowed} (remove the quotes)`;
  return allowed;
}

function explainBound(origin: string, bound: number | bigint, words: 'at least' | 'at most'): string {
  if (origin === 'number' || origin === 'int') return `must be ${words} ${bound}`;
  if (words === 'at least' && Number(bound) === 1) return 'must not be empty';
  return `must have ${words} ${bound} ${origin === 'string' ? 'characters' : 'entries'}`;
}

function unknownKey(key: string, allowed: readonly string[]): string {
  const suggestion = didYouMean(key, allowed);
  if (suggestion !== '') return `unknown key.${suggestion}`;
  return allowed.length === 0 ? 'unknown key' : `unknown key; allowed here: ${[...allowed].sort().join(', ')}`;
}

function shapeKeys(schema: unknown): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function oneOf(values: readonly unknown[]): string {
  const shown = values.map((value) => `\`${String(value)}\``);
  return shown.length === 1 ? `${shown[0]}` : `one of ${shown.join(', ')}`;
}
