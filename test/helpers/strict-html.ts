// SPDX-License-Identifier: AGPL-3.0-or-later

const TAG = /^<(?<close>\/?)(?<name>[a-z][a-z0-9]*)(?: [a-z-]+="[^"<>&]*")*(?<empty>\/?)>$/;

/**
 * What is wrong with a page by the rules of XML without entities of its own: an element that is not closed, an attribute
 * without quotes, a character that is not escaped. Undefined where nothing is.
 */
export function htmlFault(page: string): string | undefined {
  const content = page.replace(/^<!DOCTYPE html>\n/, '').trimEnd();
  const parts = content.match(/<[^>]*>|[^<]+/g) ?? [];
  if (parts.join('') !== content) return 'a tag that does not end';
  const open: string[] = [];
  for (const part of parts) {
    const fault = part.startsWith('<') ? tagFault(part, open) : textFault(part, open);
    if (fault !== undefined) return fault;
  }
  return open.length === 0 ? undefined : `never closed: ${open}`;
}

function textFault(part: string, open: readonly string[]): string | undefined {
  if (/>|&(?!(?:amp|lt|gt|quot|#39);)/.test(part)) return `not escaped: ${part}`;
  return open.length === 0 ? `text outside: ${part}` : undefined;
}

function tagFault(part: string, open: string[]): string | undefined {
  const { close, name = '', empty } = TAG.exec(part)?.groups ?? {};
  if (name === '') return `no tag: ${part}`;
  if (close === '/') return open.pop() === name ? undefined : `closed though not open: ${part}`;
  if (empty !== '/') open.push(name);
  return undefined;
}
