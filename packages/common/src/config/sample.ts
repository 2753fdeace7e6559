// SPDX-License-Identifier: AGPL-3.0-or-later
import { stringify } from 'yaml';
import { type ConfigDocument, type DocumentedKey, documentedKeys } from './document.ts';

/** Width of a line of prose, its indentation not counted. */
const PROSE_WIDTH = 96;

/**
 * A sample of the file: all keys with their descriptions. `# text` is prose, `#key: value` a setting that is commented
 * out; what is required is there with an example.
 */
export function renderSample(document: ConfigDocument): string {
  const keys = inSample(documentedKeys(document));
  const head = [
    ...prose(`${document.location}. ${document.intro}`),
    ...prose(
      'A line that begins with `#` and a blank explains; one without the blank is a setting with its default or an example.',
    ),
  ];
  const body =
    document.syntax === 'shell'
      ? keys.flatMap((key) => shellLines(key, document))
      : yamlLines(keys, '', document.active);
  return `${[...head, ...body].join('\n')}\n`;
}

/** @param path of the section that the keys are in: `restic.` */
function yamlLines(keys: readonly DocumentedKey[], path: string, active: readonly string[]): string[] {
  return keys.flatMap((key) => {
    const name = `${path}${key.name}`;
    const settings = key.required || active.includes(name) ? activeLines(key, name, active) : commentedLines(key);
    return ['', ...prose(explain(key)), ...settings];
  });
}

function activeLines(key: DocumentedKey, name: string, active: readonly string[]): string[] {
  if (key.children.length === 0) return [`${key.name}:${flow(key)}`];
  const lines = yamlLines(inSample(key.children), `${name}.`, active).slice(1);
  return [`${key.name}:`, ...indent(key.isList ? asItem(lines) : lines)];
}

/** What is commented out as a whole has nothing commented out inside, or it would have to be uncommented twice. */
function commentedLines(key: DocumentedKey): string[] {
  return plainLines(key).map(commentOut);
}

function plainLines(key: DocumentedKey): string[] {
  if (key.children.length === 0) return [`${key.name}:${flow(key)}`];
  const children = inSample(key.children).filter((child) => !child.instead);
  const lines = children.flatMap((child) => [...prose(explain(child)), ...plainLines(child)]);
  return [`${key.name}:`, ...indent(key.isList ? asItem(lines) : lines)];
}

function inSample(keys: readonly DocumentedKey[]): DocumentedKey[] {
  return keys.filter((key) => !key.old);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? '' : `  ${line}`));
}

/** Makes the first setting the beginning of an item of a list. */
function asItem(lines: readonly string[]): string[] {
  const first = lines.findIndex((line) => line !== '' && !line.startsWith('#'));
  return lines.map((line, index) => {
    if (line === '') return line;
    return index === first ? `- ${line}` : `  ${line}`;
  });
}

function shellLines(key: DocumentedKey, { active }: ConfigDocument): string[] {
  const line = `${key.name}="${String(key.example)}"`;
  return ['', ...prose(explain(key)), active.includes(key.name) ? line : commentOut(line)];
}

function explain(key: DocumentedKey): string {
  const isShown = key.default === undefined || key.default === `\`${String(key.example)}\``;
  return key.required || isShown ? key.description : `${key.description} Default: ${key.default}.`;
}

/** ` VALUE`; nothing for an optional key without example, which is commented out. */
function flow({ name, required, example }: DocumentedKey): string {
  if (example !== undefined) {
    return ` ${stringify(example, { collectionStyle: 'flow', flowCollectionPadding: false, lineWidth: 0 }).trim()}`;
  }
  if (required) throw new Error(`The schema of \`${name}\` needs an example: .meta({ examples: [...] })`);
  return '';
}

function commentOut(line: string): string {
  return `#${line}`;
}

function prose(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + word.length >= PROSE_WIDTH) {
      lines.push(`# ${line}`);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, `# ${line}`];
}
