// SPDX-License-Identifier: AGPL-3.0-or-later
import { yamlText } from '@local-backup/common/config/yaml-text';
import { type FunctionMaker, parseExpression, type Step, UnknownExpression } from './yaml-parse.ts';

/** What yq was asked: `yq e '.paths[]' FILE`. */
export interface YamlQuery {
  readonly expression: string;
  /** Undefined or `-`: standard input. */
  readonly file: string | undefined;
  /** `-e`: exit code 1 where the answer is nothing, null or false. */
  readonly isStrict: boolean;
}

const IGNORED = new Set(['-r', '--unwrapScalar', '-M', '--no-colors', '-N', '--no-doc', '-P', '--prettyPrint']);

/**
 * Reads the arguments of yq, as far as plugins use them to read a configuration. Pure.
 * @throws UnknownExpression for an option of the real yq only
 */
export function parseYqArguments(args: readonly string[]): YamlQuery {
  const words = args.filter((word) => !IGNORED.has(word));
  const isStrict = words.includes('-e') || words.includes('--exit-status');
  const given = words.filter((word) => word !== '-e' && word !== '--exit-status');
  const rest = given[0] === 'e' || given[0] === 'eval' ? given.slice(1) : given;
  const option = rest.find((word) => word.length > 1 && word.startsWith('-'));
  if (option !== undefined) throw new UnknownExpression(`option ${option}`);
  const [expression, file, ...more] = rest;
  if (expression === undefined || more.length > 0) throw new UnknownExpression(`${args.length} arguments`);
  return { expression, file: file === '-' ? undefined : file, isStrict };
}

/** What yq would print: one result a line, texts as they are, lists and maps as YAML. Pure. */
export function queryYaml(expression: string, value: unknown): readonly unknown[] {
  return parseExpression(expression, FUNCTIONS)(value);
}

/** The text of results. Pure. */
export function printResults(results: readonly unknown[]): string {
  return results.map((result) => `${textOf(result)}\n`).join('');
}

function textOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value ?? null);
  if (Object.keys(value).length === 0) return Array.isArray(value) ? '[]' : '{}';
  return yamlText(value).trimEnd();
}

const plain = (step: (value: unknown) => unknown): FunctionMaker => {
  return () => (value) => [step(value)];
};

const needed = (argument: Step | undefined): Step => {
  if (argument === undefined) throw new UnknownExpression('a function without its argument');
  return argument;
};

const FUNCTIONS: Readonly<Record<string, FunctionMaker>> = {
  keys: plain((value) => (Array.isArray(value) ? [...value.keys()] : Object.keys(mapOf(value)))),
  length: plain(lengthOf),
  type: plain(tagOf),
  tag: plain(tagOf),
  not: plain((value) => value === null || value === undefined || value === false),
  select: (argument) => {
    const test = needed(argument);
    return (value) => (test(value).some((found) => found !== null && found !== false) ? [value] : []);
  },
  has: (argument) => {
    const name = needed(argument);
    return (value) => name(value).map((at) => Object.hasOwn(Object(value ?? {}), String(at)));
  },
  join: (argument) => {
    const separator = needed(argument);
    return (value) => separator(value).map((text) => (Array.isArray(value) ? value.join(String(text)) : ''));
  },
};

function mapOf(value: unknown): object {
  return typeof value === 'object' && value !== null ? value : {};
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return Object.keys(mapOf(value)).length;
}

/** The names that yq has for types: the tags of YAML. */
function tagOf(value: unknown): string {
  if (value === null || value === undefined) return '!!null';
  if (Array.isArray(value)) return '!!seq';
  if (typeof value === 'number') return Number.isInteger(value) ? '!!int' : '!!float';
  return { object: '!!map', boolean: '!!bool' }[typeof value as string] ?? '!!str';
}
