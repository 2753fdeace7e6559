// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from './byte-path.ts';
import { escapeHtml } from './escape-html.ts';

/** Shorter values are not replaced: that would tear holes into ordinary words and so tell what the value is. */
const SHORTEST_SECRET = 4;

const REPLACEMENT = '***';

/** `scheme://user:password@`, as in the addresses of repositories and registries; of HTTP also `https://token@`. */
const URL_PASSWORD = /([a-z][a-z0-9+.-]{0,31}:\/\/[^\s/?#'":@]{0,256}:)[^\s/?#'"]{1,512}@/gi;
const URL_TOKEN = /(https?:\/\/)[^\s/?#'":@]{1,512}@/gi;

/** The last guard before text leaves the program: in logs, error messages, mails and records. */
export interface Scrubber {
  /** From now on this value is replaced. To be called by whoever reads a secret, before it is used. */
  readonly add: (secret: string) => void;
  /** The text with known secrets and the credentials of URLs replaced by `***`. */
  readonly scrub: (text: string) => string;
}

/** One per program, passed to whatever writes. */
export function createScrubber(): Scrubber {
  const known = new Set<string>();
  let pattern: RegExp | undefined;
  return {
    add: (secret) => {
      for (const spelling of spellingsOf(secret)) known.add(spelling);
      // Longest first, because a secret may contain another one.
      const longestFirst = [...known].sort((a, b) => b.length - a.length);
      pattern = known.size === 0 ? undefined : new RegExp(longestFirst.map(quoteForRegExp).join('|'), 'g');
    },
    scrub: (text) => {
      const cleaned = pattern === undefined ? text : text.replace(pattern, REPLACEMENT);
      return cleaned.replace(URL_PASSWORD, `$1${REPLACEMENT}@`).replace(URL_TOKEN, `$1${REPLACEMENT}@`);
    },
  };
}

/** How a secret may look in a text: as it is, in JSON, in a URL, in HTML, with control characters shown. */
function spellingsOf(secret: string): string[] {
  return [secret, ...secret.split(/\r?\n/)]
    .map((value) => value.trim())
    .flatMap((value) => [
      value,
      JSON.stringify(value).slice(1, -1),
      urlSpelling(value),
      escapeHtml(value),
      showControls(value),
    ])
    .filter((value) => value.length >= SHORTEST_SECRET);
}

function urlSpelling(value: string): string {
  // A lone surrogate has no spelling in a URL, and encodeURIComponent would throw.
  return encodeURIComponent(Buffer.from(value).toString());
}

function quoteForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
