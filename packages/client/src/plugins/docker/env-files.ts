// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { describeError } from '@local-backup/common/errors';
import { readComposeYaml } from './model.ts';
import type { Settings } from './options.ts';
import { asMap, listOf, textsIn } from './yaml-values.ts';

/** Files that make up a project. */
export interface ProjectFiles {
  /** Absolute, each once, in the order in which they were found. */
  readonly files: readonly string[];
  readonly warnings: readonly string[];
}

/** Files that compose files include are followed so deep. */
const DEEPEST = 8;

/** A compose file is a few kilobytes. */
const LARGEST = 4 * 1024 * 1024;

/** The compose files, `.env`, and what they name: `env_file`, `include`, `extends`, files of configs and secrets. */
export async function findProjectFiles(settings: Settings): Promise<ProjectFiles> {
  const found = new Set<string>();
  const warnings: string[] = [];
  for (const file of settings.files) await follow(file, settings.directory, { found, warnings, depth: 0 });
  const beside = settings.envFiles.length > 0 ? settings.envFiles : [join(settings.directory, '.env')];
  for (const file of beside) if (await isFile(file)) found.add(file);
  return { files: [...found], warnings };
}

interface Search {
  readonly found: Set<string>;
  readonly warnings: string[];
  readonly depth: number;
}

async function follow(file: string, directory: string, search: Search): Promise<void> {
  if (search.found.has(file) || search.depth > DEEPEST) return;
  search.found.add(file);
  for (const { kind, path } of await namedIn(file, search)) {
    const target = resolve(directory, path);
    if (path.includes('$'))
      search.warnings.push(
        `${file}: ${kind} ${path} holds a variable, so the file is not saved. Name it in a \`files\` task.`,
      );
    else if (!(await isFile(target))) warnOfMissing({ kind, path }, file, search);
    else if (kind === 'compose') await follow(target, dirname(target), { ...search, depth: search.depth + 1 });
    else search.found.add(target);
  }
}

/** An `env_file` may be missing, with `required: false`; what is included may be fetched from elsewhere by compose. */
function warnOfMissing({ kind, path }: Named, file: string, { warnings }: Search): void {
  if (kind === 'compose')
    warnings.push(`${file}: ${path} is no file of this host, so neither it nor what it names is saved.`);
}

interface Named {
  readonly kind: 'compose' | 'env_file' | 'file';
  readonly path: string;
}

async function namedIn(file: string, { warnings }: Search): Promise<Named[]> {
  try {
    const { size } = await stat(file);
    if (size > LARGEST) return [];
    return namedFiles(readComposeYaml(await readFile(file, 'utf8'), file));
  } catch (error) {
    // Compose has accepted it: what it names may be more than we understand.
    const reason = error instanceof Error && 'code' in error ? describeError(error) : 'it cannot be read.';
    warnings.push(`${file}: which files it names could not be found out: ${reason}`);
    return [];
  }
}

/** What a compose file names. Pure. */
export function namedFiles(document: unknown): Named[] {
  const root = asMap(document);
  const lent = [root.configs, root.secrets].flatMap((section) => Object.values(asMap(section)));
  return [
    ...listOf(root.include).flatMap(namedByInclude),
    ...Object.values(asMap(root.services)).flatMap((service) => namedByService(asMap(service))),
    ...lent.flatMap((entry) => textsIn(asMap(entry).file).map((path) => ({ kind: 'file', path }) as const)),
  ];
}

function namedByInclude(include: unknown): Named[] {
  const { path, env_file } = typeof include === 'string' ? { path: include, env_file: undefined } : asMap(include);
  return [
    ...textsIn(path).map((name) => ({ kind: 'compose', path: name }) as const),
    ...textsIn(env_file).map((name) => ({ kind: 'env_file', path: name }) as const),
  ];
}

/** `<<` is a plain key to our reader of YAML. */
function namedByService(service: Readonly<Record<string, unknown>>): Named[] {
  const inherited = listOf(service['<<']).flatMap((base) => namedByService(asMap(base)));
  const env = listOf(service.env_file).flatMap((entry) =>
    textsIn(typeof entry === 'string' ? entry : asMap(entry).path),
  );
  const base = textsIn(asMap(service.extends).file);
  return [
    ...inherited,
    ...env.map((path) => ({ kind: 'env_file', path }) as const),
    ...base.map((path) => ({ kind: 'compose', path }) as const),
  ];
}

async function isFile(path: string): Promise<boolean> {
  // A link is followed: what it leads to is what compose reads.
  const facts = await stat(path).catch(() => undefined);
  return facts?.isFile() === true;
}
