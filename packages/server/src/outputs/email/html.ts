// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { escapeHtml } from '@local-backup/common/escape-html';
import type { Status } from '@local-backup/common/status';

/** A piece of HTML in which all text is escaped already. Only the functions here make one. */
export type Html = string & { readonly html: unique symbol };

/** Background of what went well, was skipped, has warnings, failed; white text can be read on each of them. */
const COLOURS: Readonly<Record<Status, string>> = {
  success: '#2e7d32',
  skipped: '#616161',
  warning: '#b26a00',
  failed: '#c62828',
};

/** Grey that is seen on white and on black: a mail does not know which of them its reader has chosen. */
const GREY = '#888888';
const CELL = `padding:4px 8px;border-bottom:1px solid ${GREY};vertical-align:top;text-align:left`;

/** Any text, made harmless; control characters become visible, line breaks stay. */
export function text(content: string): Html {
  const shown = content.replace(/[^\n]+/g, showControls);
  return escapeHtml(shown) as Html;
}

/** @param attributes in double quotes; values of our own, never text from elsewhere */
export function element(name: string, attributes: string, children: readonly Html[]): Html {
  return `<${name}${attributes === '' ? '' : ` ${attributes}`}>${children.join('')}</${name}>` as Html;
}

/** A line across. */
export function rule(): Html {
  return `<hr ${style(`border:0;border-top:1px solid ${GREY};margin-top:20px`)}/>` as Html;
}

/** `style="..."` */
export function style(rules: string): string {
  return `style="${rules}"`;
}

export function heading(content: string): Html {
  return element('h2', style('font-size:16px;margin:20px 0 6px 0'), [text(content)]);
}

/** Lines that keep their blanks, and are broken where the window ends. */
export function lines(content: readonly string[]): Html {
  const rules = 'margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font-family:monospace;font-size:12px';
  return element('pre', style(rules), [text(content.join('\n'))]);
}

/** A word on the colour of a status. */
export function badge(status: Status, content: string): Html {
  const rules = `background-color:${COLOURS[status]};color:#ffffff;padding:1px 6px;border-radius:3px;white-space:nowrap`;
  return element('span', style(rules), [text(content)]);
}

/** The title of the mail. */
export function banner(status: Status, content: string): Html {
  const rules = `background-color:${COLOURS[status]};color:#ffffff;font-size:20px;margin:0;padding:12px 16px`;
  return element('h1', style(rules), [text(content)]);
}

/** Small cells side by side, one for each run. */
export function marks(statuses: readonly Status[], signOf: Readonly<Record<Status, string>>): Html {
  const cells = statuses.map((status) =>
    element('td', style(`background-color:${COLOURS[status]};color:#ffffff;width:10px;text-align:center`), [
      text(signOf[status]),
    ]),
  );
  if (cells.length === 0) return text('-');
  const rules = 'border-collapse:separate;border-spacing:1px 0;font-family:monospace;font-size:11px';
  return element('table', `role="presentation" ${style(rules)}`, [element('tr', '', cells)]);
}

/** A bar of one table cell: `share` (0 to 1) of its place is filled. */
export function bar(share: number, content: string): Html {
  const width = Math.max(1, Math.round(Math.min(1, Math.max(0, share)) * 100));
  const cell = element('td', style('background-color:#1565c0;height:6px;font-size:1px;line-height:6px'), [
    text('\u00a0'),
  ]);
  const rules = `width:${width}%;border-collapse:collapse`;
  return [text(content), element('table', `role="presentation" ${style(rules)}`, [element('tr', '', [cell])])].join(
    '',
  ) as Html;
}

/** Rows below a line of titles. A row of one cell goes over all columns. */
export function grid(titles: readonly string[], rows: readonly (readonly Html[])[]): Html {
  const head = titles.map((title) => element('th', style(CELL), [text(title)]));
  const body = rows.map((cells) => {
    const span = cells.length === 1 && titles.length > 1 ? `colspan="${titles.length}" ` : '';
    return element(
      'tr',
      '',
      cells.map((cell) => element('td', `${span}${style(CELL)}`, [cell])),
    );
  });
  return element('table', style('border-collapse:collapse;width:100%;font-size:13px'), [
    element('tr', '', head),
    ...body,
  ]);
}

/** A whole document: nothing in it is fetched from anywhere, and light or dark is left to the reader. */
export function page(title: string, children: readonly Html[]): string {
  const head = element('head', '', [
    '<meta charset="utf-8"/><meta name="viewport" content="width=device-width"/><meta name="color-scheme" content="light dark"/>' as Html,
    element('title', '', [text(title)]),
  ]);
  const width = element('div', style('max-width:860px;margin:0 auto;font-family:sans-serif;font-size:14px'), children);
  const body = element('body', style('margin:0;padding:8px'), [width]);
  return `<!DOCTYPE html>\n${element('html', 'lang="en"', [head, body])}\n`;
}
