// SPDX-License-Identifier: AGPL-3.0-or-later
import { Document, isScalar, visit } from 'yaml';
import { formatBytes } from '../bytes.ts';
import { formatDuration } from '../duration.ts';
import { createScrubber } from '../redact.ts';

/**
 * A configuration as it counts after all files and defaults have been merged, for people: keys as in the files
 * (`lockRetryDelayMs: 60000` becomes `lock_retry_delay: 1m`), what is not set left out. Passwords
 * in addresses of repositories are hidden; all others are in files that a configuration only names.
 */
export function renderEffective(config: object): string {
  const document = new Document(readable(config), { aliasDuplicateObjects: false });
  visit(document, {
    Seq: (_, list) => {
      list.flow = list.items.every(isScalar);
    },
  });
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return createScrubber().scrub(text);
}

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return Object.fromEntries(entries.map(([key, item]) => [snakeCase(key), readableNumber(key, item)]));
}

/** The unit of a number is the end of its name, everywhere in this program. */
function readableNumber(key: string, value: unknown): unknown {
  if (typeof value !== 'number') return readable(value);
  if (key.endsWith('Ms')) return formatDuration(value);
  return key.endsWith('Bytes') ? formatBytes(value) : value;
}

function snakeCase(key: string): string {
  return key.replace(/(?:Ms|Bytes)$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
