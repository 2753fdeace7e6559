// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { countDump } from './count-dump.ts';

const signal = new AbortController().signal;

/** The dump in pieces of so many bytes. */
async function* pieces(text: string | Buffer, size: number) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const count = (text: string | Buffer, size = 1 << 20, encoding = 'UTF8') =>
  countDump(pieces(text, size), encoding, signal);

const DUMP = String.raw`--
-- Data for Name: nowhere; COPY public.comment (id) FROM stdin;
--

\restrict abcDEF123

SET client_encoding = 'UTF8';
/* COPY public.block (id) FROM stdin; /* nested */ 'unclosed " $$ */
CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $_$
COPY public.body (id) FROM stdin;
1
\.
$$ '$_$;
COMMENT ON TABLE public.t IS 'it''s
COPY public.text (id) FROM stdin;
\.
';
COMMENT ON TABLE public.t IS E'a \' quote;
COPY public.escaped (id) FROM stdin;
';
CREATE TABLE public.a$b$c (x int);
SELECT name'x' FROM t WHERE a = $1;
COPY public.orders (id, note) FROM stdin;
1	\\.
2	a\n\.
\.x
.
\\.

\.


COPY "Other ""S"""."COPY; x FROM stdin;
--" (a) FROM stdin;
a
\.
COPY public.empty  FROM stdin;
\.
COPY public.empty_rows  FROM stdin;


\.
COPY public.elsewhere FROM '/etc/passwd';
--
-- PostgreSQL database dump complete
--

\unrestrict abcDEF123

`;

const TABLES = [
  ['public.orders', 6],
  ['"Other ""S"""."COPY; x FROM stdin;\n--"', 1],
  ['public.empty', 0],
  ['public.empty_rows', 2],
];

describe('rows of a dump', () => {
  it.each([1, 2, 3, 7, 64, 131, 1 << 20])(
    'are told from everything that looks like them, in pieces of %i bytes',
    async (size) => {
      const { tables, commands } = await count(DUMP, size);
      expect([...tables]).toEqual(TABLES);
      expect(commands).toEqual([]);
    },
  );

  it('may be longer than any chunk', async () => {
    const row = `${'x'.repeat(100_000)}\\.\n`;
    expect([...(await count(`COPY public.t (a) FROM stdin;\n${row}${row}\\.\n`, 1000)).tables]).toEqual([
      ['public.t', 2],
    ]);
  });

  it('may end like the end mark, where a chunk begins', async () => {
    const start = `COPY public.t (a) FROM stdin;\n${'x'.repeat(500)}`;
    expect([...(await count(`${start}\\.\n\\.\n`, start.length)).tables]).toEqual([['public.t', 1]]);
  });

  it('have names in the encoding of the database', async () => {
    const dump = Buffer.from('COPY public."Bücher" (a) FROM stdin;\n1\n\\.\n', 'latin1');
    expect([...(await count(dump, 5, 'LATIN1')).tables]).toEqual([['public."Bücher"', 1]]);
  });

  it.each([
    ['rows', 'COPY public.t (a) FROM stdin;\n1\n2\n'],
    ['a row', 'COPY public.t (a) FROM stdin;\n1\n\\.'],
    ['a statement', 'SELECT 1;\nSELECT 2'],
    ['a text', "SELECT '1;\n"],
    ['a body', 'DO $$ BEGIN;\n'],
  ])('that end in %s are refused', async (_, dump) => {
    await expect(count(dump)).rejects.toThrow('ends in the middle');
    await expect(count(dump, 1)).rejects.toThrow('ends in the middle');
  });
});

it.each([
  ['\\! touch /tmp/x', ['\\! touch /tmp/x']],
  ['\\connect other', ['\\connect other']],
  ['SELECT 1 \\g |sh', ['\\g |sh']],
  ['\\restrict a; \\! sh', ['\\restrict a; \\! sh']],
  ["SELECT '\\! x', E'\\'\\! x', $$\\! x$$;", []],
])('commands for psql are found: %s', async (line, expected) => {
  for (const size of [1, 1000]) expect((await count(`SELECT 1;\n${line}\n;`, size)).commands).toEqual(expected);
});
