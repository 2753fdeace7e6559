// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { type SqlEvents, SqlScanner } from './sql-scanner.ts';

/** All that a scanner tells, with chunks of so many bytes. */
const scan = (text: string, size: number) => {
  const told: string[] = [];
  const events: SqlEvents = {
    word: (word) => told.push(word),
    name: (name) => told.push(`<${name}>`),
    open: () => told.push('('),
    close: () => told.push(')'),
    end: () => told.push(';'),
    listening: () => true,
  };
  const scanner = new SqlScanner(events);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) scanner.push(bytes.subarray(at, at + size));
  const complete = scanner.finish();
  return { told: told.join(' '), complete };
};

it.each([
  ["INSERT INTO `a` VALUES (1,'x'),(2,NULL);", 'INSERT INTO <a> VALUES ( 1 ) ( 2 NULL ) ;'],
  ["a 'it\\'s; (' b 'two'' ones;' c \"d;'\" e '\\\\' f;", 'A B C E F ;'],
  ['`a``b;` `c-- d`;', '<a`b;> <c-- d> ;'],
  ['-- no ; (\na; # no (\nb; /* no ; */ c;\n-- end', 'A ; B ; C ;'],
  ['a--1;', 'A 1 ;'],
  ['/*!50003 CREATE*/ /*!50017 DEFINER=`r`@`l`*/ x;', 'CREATE DEFINER <r> @ <l> X ;'],
  ['/*M!999999\\- enable the sandbox mode */ a; /*M!100100 b */;', 'A ; B ;'],
  ['DELIMITER ;;\na; b; `c`;;\nDELIMITER ;\nd;', 'A; B; <c> ; D ;'],
  ["DELIMITER $$\na '\nDELIMITER ;\n' b$$\nDelimiter ;\nc;", 'A B ; C ;'],
  ['delimiter', ''],
])('reads %j', (text, told) => {
  for (const size of [1, 2, 3, 7, 17, 1000]) expect(scan(text, size).told, `chunks of ${size}`).toBe(told);
});

it('knows whether a text ends where a statement does', () => {
  for (const text of ['a;', 'a;\n-- end', '', 'a; /* x */']) expect(scan(text, 5).complete, text).toBe(true);
  for (const text of ['a', "a '", 'a `', 'a; /* x', "'a;'"]) expect(scan(text, 5).complete, text).toBe(false);
});
