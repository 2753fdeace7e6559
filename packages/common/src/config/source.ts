// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Complaint, ConfigPath, Position } from './complaint.ts';

/** What was read from a configuration file, before a schema has looked at it. */
export interface ConfigSource {
  readonly file: string;
  /** Plain data: maps, lists, texts, numbers, booleans, null. */
  readonly value: unknown;
  /** Where the value at `path`, or its key, is written; for something missing, the section that lacks it. */
  readonly locate: (path: ConfigPath, part: 'key' | 'value') => Position;
  /** Mistakes that do not keep a schema from being checked, such as keys that are there twice. */
  readonly complaints: readonly Complaint[];
}

/** The value at `path`, or undefined where there is none. */
export function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const part of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, part)) return undefined;
    current = (current as Record<PropertyKey, unknown>)[part];
  }
  return current;
}
