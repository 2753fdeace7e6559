// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash } from 'node:crypto';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { KitFile } from './collect-files.ts';
import { type Contents, type Member, readMembers } from './kit-archive.ts';
import { type KitFacts, nameInKit, renderReadme } from './render-readme.ts';

/** Everything that an empty machine needs, beside the repositories themselves. Full of secrets. */
export interface Kit extends KitFacts {
  readonly files: readonly KitFile[];
  /** What each repository is opened with: `password` as restic takes it, undefined where it could not be had. */
  readonly secrets: readonly { readonly password: string | undefined; readonly environment: Environment }[];
}

type Environment = Readonly<Record<string, string>>;

const KINDS = ['configuration', 'state', 'password', 'text'] as const;
type Kind = (typeof KINDS)[number];

/** `kit.json`: what was put into the kit. */
const listSchema = z.object({
  format: z.literal(1),
  written: z.iso.datetime(),
  server: z.string(),
  /** What it lacks. */
  problems: z.array(z.string()).default([]),
  files: z.array(z.object({ path: z.string(), kind: z.enum(KINDS), sha256: z.string() })),
});

export type KitList = z.infer<typeof listSchema>;

interface Part {
  readonly kind: Kind;
  readonly member: Member;
}

/** The members of the archive; the list of all of them comes first. */
export function membersOf(kit: Kit): readonly Member[] {
  const parts = partsOf(kit);
  const { files: _, secrets: __, ...facts } = kit;
  const list = { format: 1, ...facts, files: listOf(parts) };
  return [text('kit.json', `${JSON.stringify(list, undefined, 2)}\n`, kit), ...parts.map(({ member }) => member)];
}

/** @throws BackupError `untrusted` where it is no kit, or something in it is not what its list says */
export function readKit(packed: Uint8Array): KitList {
  const contents = readMembers(packed);
  const list = parseList(contents.first);
  const wrong = list.files.filter(({ path, sha256 }) => contents.sha256.get(path) !== sha256);
  if (wrong.length === 0) return list;
  throw new BackupError('untrusted', `The recovery kit is damaged: ${wrong.map(({ path }) => path).join(', ')}`);
}

/** What has changed between a kit and how things are now; state that changes with every run does not count. */
export function compareKits(old: KitList, now: Kit): readonly string[] {
  const counts = ({ kind }: { readonly kind: Kind }) => kind === 'configuration' || kind === 'password';
  const before = new Map(old.files.filter(counts).map(({ path, sha256 }) => [path, sha256]));
  const after = new Map(
    listOf(partsOf(now))
      .filter(counts)
      .map(({ path, sha256 }) => [path, sha256]),
  );
  return differences(before, after);
}

/** One line for each path that is new, gone or changed. */
export function differences(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): string[] {
  const fresh = [...after].filter(([path]) => !before.has(path)).map(([path]) => `new: ${path}`);
  const gone = [...before].filter(([path]) => !after.has(path)).map(([path]) => `gone: ${path}`);
  const changed = [...after].filter(([path, print]) => (before.get(path) ?? print) !== print);
  return [...changed.map(([path]) => `changed: ${path}`), ...fresh, ...gone];
}

function partsOf(kit: Kit): readonly Part[] {
  const directory = (path: string): Part => {
    return { kind: 'text', member: { path, mode: 0o700, uid: 0, gid: 0, mtime: secondsOf(kit) } };
  };
  return [
    { kind: 'text', member: text('README.txt', renderReadme(kit, pathsOf(kit)), kit) },
    directory('passwords'),
    directory('environment'),
    ...kit.repositories.flatMap((repository, index) => secretParts(kit, nameInKit(repository), index)),
    directory('files'),
    ...kit.files.map((file): Part => {
      const { kind, path, ...facts } = file;
      return { kind, member: { ...facts, path: `files${path}` } };
    }),
  ];
}

function pathsOf({ files }: Kit): readonly string[] {
  return files.filter(({ content }) => content !== undefined).map(({ path }) => path);
}

function secretParts(kit: Kit, name: string, index: number): readonly Part[] {
  const { password, environment = {} } = kit.secrets[index] ?? { password: undefined };
  const lines = Object.entries(environment).map(([key, value]) => `export ${key}=${quoted(value)}\n`);
  const kind = 'password';
  return [
    ...(password === undefined ? [] : [{ kind, member: text(`passwords/${name}`, `${password}\n`, kit) } as const]),
    ...(lines.length === 0 ? [] : [{ kind, member: text(`environment/${name}.sh`, lines.join(''), kit) } as const]),
  ];
}

function quoted(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

function text(path: string, content: string, kit: KitFacts): Member {
  return { path, content: Buffer.from(content), mode: 0o600, uid: 0, gid: 0, mtime: secondsOf(kit) };
}

function secondsOf({ written }: KitFacts): number {
  return Math.floor(Date.parse(written) / 1000);
}

function listOf(parts: readonly Part[]): KitList['files'] {
  return parts.flatMap(({ kind, member: { path, content } }) => {
    if (content === undefined) return [];
    return [{ path, kind, sha256: createHash('sha256').update(content).digest('hex') }];
  });
}

function parseList(content: Contents['first']): KitList {
  try {
    return listSchema.parse(JSON.parse(content.toString('utf8')));
  } catch (cause) {
    throw new BackupError('untrusted', 'This is no recovery kit: it does not begin with a kit.json.', { cause });
  }
}
