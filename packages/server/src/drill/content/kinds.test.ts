// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOfText } from '@local-backup/common/byte-path';
import { expect, test } from 'vitest';
import { dumpProblem, kindOf } from './kinds.ts';
import { jsonProblem, yamlTextProblem } from './texts.ts';

const ustar = Buffer.concat([Buffer.alloc(257), Buffer.from('ustar\0')]);

test.each<[string, string | Buffer, string | undefined]>([
  ['data.bin', 'SQLite format 3\0and so on', 'sqlite'],
  ['data.bin', Buffer.from([0x1f, 0x8b, 8, 0]), 'gzip'],
  ['data.bin', Buffer.from([0x1f, 0x8b, 9, 0]), undefined],
  ['data.bin', ustar, 'tar'],
  ['dump', '--\n-- PostgreSQL database dump\n--\n', 'sql'],
  ['dump', '/*M!999999\\- enable the sandbox mode */ \n-- MariaDB dump 10.19  Distrib\n', 'sql'],
  ['notes.txt', 'How to make a\n-- MySQL dump 10\n', undefined],
  ['schema.sql', 'CREATE TABLE t();', undefined],
  ['a.json', '{}', 'json'],
  ['a.YML', 'a: b', 'yaml'],
  ['a.txt', '{}', undefined],
  ['a.sql.gz', '', 'empty'],
  ['a.json', '', undefined],
])('%s beginning with %j is %s', (name, head, kind) => {
  expect(kindOf(bytePathOfText(name), head.length, Buffer.from(head))).toBe(kind);
});

test('texts that are too large are let be', () => {
  expect(kindOf(bytePathOfText('a.yml'), 300_000, Buffer.from('a: b'))).toBeUndefined();
});

test.each<[string, string, boolean]>([
  ['-- PostgreSQL database dump\n', '--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n', true],
  ['-- PostgreSQL database dump\n', 'COPY t FROM stdin;\n1\n', false],
  ['-- PostgreSQL database cluster dump\n', '-- PostgreSQL database dump complete\n', false],
  ['-- MySQL dump 10.13\n', '-- Dump completed on 2026-11-21\n', true],
  ['-- MySQL dump 10.13\n', 'INSERT INTO t VALUES (1', false],
  ['CREATE TABLE t();', '', true],
])('a dump from %j to %j is whole: %s', (head, tail, whole) => {
  expect(dumpProblem(Buffer.from(head), Buffer.from(tail)) === undefined).toBe(whole);
});

test.each<[string, boolean]>([
  ['{"a": [1, 2]}', true],
  ['// comment\n{ "url": "http://x", /* more */ "a": [1,], }', true],
  ['{"a": "// no \\" comment", "b": -1.5e3,\n// a comment\n}', true],
  ['{"a": true, /* unfinished', false],
  ['{"a": "unfinished', false],
  ['{"a": ', false],
  ['', false],
])('%j is JSON: %s', (text, fine) => {
  expect(jsonProblem(text) === undefined).toBe(fine);
});

test.each<[string, boolean]>([
  ['a: 1\n---\nb: 2\n', true],
  ['', true],
  ['password: !vault abc\n', true],
  ['name: {{ .Values.name }}\n', true],
  ['a: [1\nb: 2\n', false],
])('%j is YAML: %s', (text, fine) => {
  expect(yamlTextProblem(text) === undefined).toBe(fine);
});

test.each(['{"a": s3cret', 's3cret word', '"s3cret', '[1, "s3cret" "x"]', '{"a": 1}s3cret', "{'s3cret': 1}"])(
  'what is told of %j does not quote it',
  (text) => {
    expect(jsonProblem(text)).toMatch(/^is no JSON: .{5}/);
    expect(jsonProblem(text)).not.toContain('3cret');
  },
);

test.each(['a: *s3cret\n', 'a: "b" s3cret\n', 'a: [1\ns3cret: 2\n', 'a: |s3cret\n', 'a: @s3cret\n', 'a: "\\s3cret'])(
  'nor of %j',
  (text) => {
    expect(yamlTextProblem(text) ?? '').not.toContain('3cret');
  },
);

test('what a client makes up is looked at in no time', () => {
  const hostile = ['"\\"'.repeat(100_000), '/*'.repeat(100_000), ','.repeat(200_000), '['.repeat(200_000)];
  for (const text of hostile) expect(jsonProblem(text)).toMatch(/^is no JSON/);
});
