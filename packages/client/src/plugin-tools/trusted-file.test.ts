// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, lchownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { requireTrustedFile } from './trusted-file.ts';

/** The account `nobody` of every Debian. */
const NOBODY = 65_534;

let root: string;
const at = (...names: string[]) => join(root, ...names);

/** `file`, and `first/link` -> `second/link` -> `file`. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'trusted-'));
  for (const name of ['first', 'second', 'third']) mkdirSync(at(name), { mode: 0o755 });
  writeFileSync(at('third', 'file'), '', { mode: 0o755 });
  symlinkSync('../second/link', at('first', 'link'));
  symlinkSync(at('third', 'file'), at('second', 'link'));
});

afterEach(() => rmSync(root, { recursive: true }));

it('a file, and a link to it, that nobody but root can change', async () => {
  await requireTrustedFile(at('third', 'file'));
  await requireTrustedFile(at('first', 'link'));
});

it.each([
  ['the file', () => chmodSync(at('third', 'file'), 0o775), 'third/file has mode 0775'],
  ['its directory', () => chmodSync(at('third'), 0o777), 'third has mode 0777'],
  ['the link', () => lchownSync(at('first', 'link'), NOBODY, NOBODY), 'first/link belongs to user 65534'],
  ['a link that this leads to', () => lchownSync(at('second', 'link'), NOBODY, 0), 'second/link belongs to user 65534'],
  ['the directory of that', () => chmodSync(at('second'), 0o777), 'second has mode 0777'],
])('%s is open to others', async (_, open, message) => {
  open();
  await expect(requireTrustedFile(at('first', 'link'))).rejects.toThrow(message);
});

it('links that go round in a circle, or nowhere, are a complaint', async () => {
  symlinkSync('circle', at('circle'));
  symlinkSync('nothing', at('nowhere'));
  await expect(requireTrustedFile(at('circle'))).rejects.toThrow('cannot be looked at');
  await expect(requireTrustedFile(at('nowhere'))).rejects.toThrow('cannot be looked at');
});
