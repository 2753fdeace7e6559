// SPDX-License-Identifier: AGPL-3.0-or-later
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MasterKey, seal, writeCheapKey } from './restic-key.ts';
import type { ResticLab } from './restic-lab.ts';

/** What restic would take minutes to make, or never makes: written into a repository as restic writes it. */
export interface ResticForge {
  /** A snapshot of an empty directory. Returns its id. */
  readonly snapshot: (facts: ForgedSnapshot) => string;
  /** A lock, by whoever and whenever. Returns its id. */
  readonly lock: (facts: ForgedLock) => string;
  /** The same for a copy of the repository. */
  readonly at: (repository: string) => ResticForge;
}

export interface ForgedSnapshot {
  /** ISO. */
  readonly time: string;
  readonly hostname: string;
  readonly tags?: readonly string[];
  readonly paths?: readonly string[];
}

export interface ForgedLock {
  readonly time: string;
  readonly hostname: string;
  readonly pid: number;
  readonly exclusive: boolean;
}

/**
 * Makes the repository of a host. It is opened in a moment: the work that restic makes of a password, half a second for
 * each command, is left out of its key.
 */
export async function forgeRepository(lab: ResticLab, host: string): Promise<ResticForge> {
  const store = lab.store(host);
  const repository = lab.repositoryOf(host);
  const bytes = (length: number) => randomBytes(length).toString('base64');
  const key: MasterKey = { encrypt: bytes(32), mac: { k: bytes(16), r: bytes(16) } };
  for (const name of ['keys', 'locks', 'snapshots', 'index', 'data']) {
    mkdirSync(join(repository, name), { recursive: true, mode: 0o700 });
  }
  for (let byte = 0; byte < 256; byte += 1) {
    mkdirSync(join(repository, 'data', byte.toString(16).padStart(2, '0')), { mode: 0o700 });
  }
  // The polynomial must be an irreducible one: that of a repository which restic has made.
  const config = { version: 2, id: randomBytes(32).toString('hex'), chunker_polynomial: '385322669d76a9' };
  writeFileSync(join(repository, 'config'), seal(Buffer.from(JSON.stringify(config)), key), { mode: 0o400 });
  writeCheapKey(repository, readFileSync(lab.passwordOf(host), 'utf8').trim(), key);
  await store.init(new AbortController().signal);
  return forgeAt(repository, { key, tree: emptyTree(lab, host) });
}

/** The id of an empty directory, stored in the repository. */
function emptyTree(lab: ResticLab, host: string): string {
  const empty = mkdtempSync(join(lab.directory, 'empty-'));
  lab.restic(host, 'backup', '--host', 'forge', '--quiet', empty);
  rmSync(empty, { recursive: true });
  const [made] = JSON.parse(lab.restic(host, 'snapshots', '--json', '--host', 'forge')) as {
    id: string;
    tree: string;
  }[];
  if (made === undefined) throw new Error('restic has made no snapshot to copy from');
  lab.restic(host, 'forget', made.id);
  return made.tree;
}

function forgeAt(repository: string, known: { readonly key: MasterKey; readonly tree: string }): ResticForge {
  const write = (directory: string, content: object): string => {
    const file = seal(Buffer.from(JSON.stringify(content)), known.key);
    const id = createHash('sha256').update(file).digest('hex');
    writeFileSync(join(repository, directory, id), file, { mode: 0o400 });
    return id;
  };
  return {
    snapshot: ({ tags = [], paths = ['/'], ...facts }) => {
      const tagged = tags.length > 0 ? { tags } : {};
      return write('snapshots', { ...facts, tree: known.tree, paths, username: 'root', ...tagged });
    },
    lock: (facts) => write('locks', { ...facts, username: 'root' }),
    at: (copy) => forgeAt(copy, known),
  };
}
