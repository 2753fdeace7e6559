// SPDX-License-Identifier: AGPL-3.0-or-later
import { stringify } from 'yaml';

/** Plain data as YAML, in blocks, for programs that read it; nothing at all for an empty map. */
export function yamlText(value: unknown): string {
  if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length === 0)
    return '';
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}
