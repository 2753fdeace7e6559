// SPDX-License-Identifier: AGPL-3.0-or-later

/* Looks into values of a YAML file that nobody has checked. */

/** The map, or an empty one. */
export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
}

/** The list, or what it would hold alone. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/** The texts of a list, or the text. */
export function textsIn(value: unknown): string[] {
  return listOf(value).filter((entry): entry is string => typeof entry === 'string' && entry !== '');
}
