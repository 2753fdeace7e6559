// SPDX-License-Identifier: AGPL-3.0-or-later

/** Text for man(7): nothing in it is taken for a request or an escape; `code` in backticks is bold. */
export function roffText(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti');
  const bold = escaped.replace(/`([^`]+)`/g, '\\fB$1\\fR');
  return bold.replace(/^\./gm, '\\&.');
}

/** A paragraph that keeps its lines: examples. */
export function roffLines(text: string): string {
  return ['.nf', roffText(text).replace(/^$/gm, '\\&'), '.fi'].join('\n');
}

export interface PageHead {
  readonly name: string;
  readonly section: 5 | 8;
  /** One line, for whatis(1). */
  readonly about: string;
  readonly version: string;
  /** `2026-11-21` */
  readonly date: string;
}

/** The beginning of a manual page, up to its NAME. */
export function pageHead({ name, section, about, version, date }: PageHead): string {
  return [
    `.TH "${name.toUpperCase()}" "${section}" "${date}" "Local Backup System ${version}" "Local Backup System"`,
    '.SH NAME',
    `${roffText(name)} \\- ${roffText(about)}`,
  ].join('\n');
}

/** A term and what it means, indented. */
export function definition(term: string, text: string): string {
  return ['.TP', `\\fB${roffText(term)}\\fR`, roffText(text) || '\\&'].join('\n');
}
