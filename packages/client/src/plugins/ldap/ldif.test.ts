// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { contentsOf, readEntries, valuesOf } from './ldif.ts';

let root: string;
const write = (text: string) => {
  writeFileSync(join(root, 'a.ldif'), text);
  return join(root, 'a.ldif');
};

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'ldif-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe('readEntries', () => {
  it('puts folded lines together, and decodes values', async () => {
    const file = write('dn: a=1\ncn: lo\n ng\ncn:: w4Q=\nolcSuffix:  x \n\n');
    for await (const entry of readEntries(file)) {
      expect(valuesOf(entry, 'CN')).toEqual(['long', 'Ä']);
      expect(valuesOf(entry, 'cn;lang-de')).toEqual([]);
    }
  });

  it.each([
    ['dn: a=1\ncn: x', 'ends within an entry'],
    ['dn: a=1\ncn: x\n', 'ends within an entry'],
    ['cn: x\n\n', 'no entry'],
    ['dn: a=1\ncn:< file:///etc/shadow\n\n', 'read a file (cn)'],
    ['dn: a=1\nc\n n:< file:///etc/shadow\n\n', 'read a file (cn)'],
    ['dn: a=1\ninclude: file:///etc/shadow\n\n', 'read a file'],
  ])('refuses %j', async (text, message) => {
    await expect(contentsOf(write(text))).rejects.toThrow(message);
  });
});

it('tells contents apart, and not the order of entries and attributes', async () => {
  const one = await contentsOf(write('dn: a=1\ncn: x\nsn: y\n\ndn: a=2\n\n'));
  expect(await contentsOf(write('dn: a=2\n\ndn: a=1\nsn: y\ncn: x\n\n'))).toEqual(one);
  expect(await contentsOf(write('dn: a=2\n\ndn: a=1\nsn: z\ncn: x\n\n'))).not.toEqual(one);
  expect(one.entries).toBe(2);
});
