// SPDX-License-Identifier: AGPL-3.0-or-later

import type { YAMLError } from 'yaml';
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import { type Complaint, type ConfigPath, complaintError, type Position } from './complaint.ts';
import type { ConfigSource } from './source.ts';

/**
 * YAML 1.2 core: `yes`, `0123` and dates stay text, `<<` is an ordinary key, no tags make objects, and a file can say
 * neither `%YAML 1.1` nor a bomb of aliases.
 */
const SETTINGS = {
  version: '1.2',
  schema: 'core',
  merge: false,
  resolveKnownTags: false,
  stringKeys: true,
  uniqueKeys: true,
  prettyErrors: false,
} as const;

/** No configuration needs more; the yaml library counts what aliases unfold to. */
const MAX_ALIASES = 50;

/**
 * Reads YAML text. An empty file is an empty map.
 * @throws BackupError `config` that lists all errors of syntax
 */
export function readYaml(text: string, file: string): ConfigSource {
  const lines = new LineCounter();
  const document = parseDocument(text, { ...SETTINGS, lineCounter: lines });
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [...document.errors, ...document.warnings, ...danglingAliases(document)];
  const complaints = problems.map((problem) => ({
    file,
    ...position(startIn(problem, text)),
    path: [],
    message: describe(problem, text),
  }));
  if (problems.some((problem) => problem.code !== 'DUPLICATE_KEY')) throw complaintError(file, complaints);
  return {
    file,
    value: toPlain(document, file),
    locate: (path, part) => position(offsetOf(document, path, part)),
    complaints,
  };
}

type Problem = Pick<YAMLError, 'pos' | 'message'> & { readonly code: string };

/** The yaml library notices these only when it makes plain values, and without saying where. */
function danglingAliases(document: Document): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return;
      const start = alias.range?.[0] ?? 0;
      const message = `\`*${alias.source}\` refers to nothing; a text that begins with \`*\` needs quotes`;
      problems.push({ code: 'DANGLING_ALIAS', pos: [start, start], message });
    },
  });
  return problems;
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
  } catch (error) {
    const message = `the aliases (\`*name\`) cannot be followed: ${(error as Error).message}`;
    const complaint: Complaint = { file, line: 1, column: 1, path: [], message };
    throw complaintError(file, [complaint]);
  }
}

/** Behind an empty value (`key:` and nothing), a key that is there twice is said to begin at the end of that line. */
function startIn({ code, pos: [start] }: Problem, text: string): number {
  const blank = code === 'DUPLICATE_KEY' ? /^(?:\s|#[^\n]*)*/.exec(text.slice(start))?.[0] : '';
  return start + (blank ?? '').length;
}

function describe(error: Problem, text: string): string {
  switch (error.code) {
    case 'DUPLICATE_KEY': {
      const key = /^["']?([^"':\r\n]*)/.exec(text.slice(startIn(error, text)))?.[1]?.trim();
      return `the key \`${key}\` is there a second time; keep one of them`;
    }
    case 'TAB_AS_INDENT':
      return 'not valid YAML: a tab at the beginning of the line; indent with spaces';
    case 'MULTIPLE_DOCS':
      return 'not valid YAML here: a second document begins; one file holds one document';
    default:
      return `not valid YAML: ${error.message}`;
  }
}

function offsetOf(document: Document, path: ConfigPath, part: 'key' | 'value'): number {
  let key: Node | null = null;
  let value: Node | null = document.contents as Node | null;
  for (const segment of path) {
    const child = childOf(document, value, segment);
    // Missing: blame the section it is missing from.
    if (child === undefined) return startOf(key) ?? 0;
    key = child.key;
    value = child.value;
  }
  return part === 'key' ? (startOf(key) ?? 0) : (startOf(value) ?? startOf(key) ?? 0);
}

function childOf(document: Document, node: Node | null, segment: PropertyKey) {
  const parent = isAlias(node) ? node.resolve(document) : node;
  if (isMap(parent)) {
    const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
    if (pair === undefined) return undefined;
    return { key: isNode(pair.key) ? pair.key : null, value: isNode(pair.value) ? pair.value : null };
  }
  const item = isSeq(parent) ? parent.items[Number(segment)] : undefined;
  return isNode(item) ? { key: item, value: item } : undefined;
}

/** An empty value (`key:` and nothing) has no text of its own. */
function startOf(node: Node | null): number | undefined {
  const range = node?.range;
  if (range === null || range === undefined) return undefined;
  return isScalar(node) && node.source === '' && range[0] === range[1] ? undefined : range[0];
}
