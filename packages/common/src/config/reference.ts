// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ConfigDocument, type DocumentedKey, documentedKeys } from './document.ts';

const UNITS = [
  '- **time**: `90s`, `15m`, `1h30m`, `2d`; a plain number is seconds.',
  '- **size**: `500M`, `20GiB` (both powers of 1024), `20GB` (powers of 1000); a plain number is bytes.',
  '- **command**: a program and its first arguments, separated by blanks; there is no shell, and nothing is quoted.',
];

/** A page of reference documentation in Markdown: every key with type, default and description. */
export function renderReference(document: ConfigDocument): string {
  const keys = documentedKeys(document);
  const lines = [
    `# ${document.name}`,
    '',
    '<!-- Generated from the schema in the source by `npm run docs`. Do not edit. -->',
    '',
    `File: \`${document.location}\``,
    '',
    document.intro,
    ...(document.syntax === 'yaml' ? ['', ...UNITS] : []),
    ...sectionLines(keys, ''),
  ];
  return `${lines.join('\n')}\n`;
}

function sectionLines(keys: readonly DocumentedKey[], path: string): string[] {
  const table = ['', '| key | type | default | |', '|---|---|---|---|', ...keys.map((key) => rowOf(key))];
  const sections = keys.filter((key) => key.children.length > 0);
  return [...table, ...sections.flatMap((section) => childLines(section, path))];
}

function childLines(section: DocumentedKey, path: string): string[] {
  const name = `${path}${section.name}${section.isList ? '[]' : ''}`;
  const level = '#'.repeat(2 + path.split('.').length - 1);
  return ['', `${level} ${name}`, '', section.description, ...sectionLines(section.children, `${name}.`)];
}

function rowOf(key: DocumentedKey): string {
  const byDefault = key.required ? '**required**' : (key.default ?? '');
  const cells = [`\`${key.name}\``, key.type, byDefault, key.description];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}
