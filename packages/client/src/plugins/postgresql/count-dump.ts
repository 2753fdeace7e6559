// SPDX-License-Identifier: AGPL-3.0-or-later
import { TextDecoder } from 'node:util';
import { BackupError } from '@local-backup/common/errors';
import { createDumpLexer } from './dump-lexer.ts';

/** What an SQL dump holds. */
export interface DumpContent {
  /** Rows of each table, by its name as it stands in the dump: `public."we""ird"`. */
  readonly tables: ReadonlyMap<string, number>;
  /** Commands that psql itself would carry out, and that no pg_dump writes: `\! rm -rf /`. The first ones. */
  readonly commands: readonly string[];
}

const MOST_COMMANDS = 5;

/** pg_dump has written these since 2025, so that nothing in a dump can be a command for psql. */
const HARMLESS = /^\\(?:un)?restrict [A-Za-z0-9]+\s*$/;

const COPY = /^COPY ((?:"(?:[^"]|"")+"|[^\s."(]+)\.(?:"(?:[^"]|"")+"|[^\s."(]+))\s/i;

/**
 * Counts the rows of an SQL dump as it streams by.
 * @param encoding of the database, as PostgreSQL calls it; names are in it
 * @throws BackupError `failed` where it ends inside of something
 */
export async function countDump(
  chunks: AsyncIterable<Buffer>,
  encoding: string,
  signal: AbortSignal,
): Promise<DumpContent> {
  const tables = new Map<string, number>();
  const commands: string[] = [];
  const decoder = decoderOf(encoding);
  let table = '';
  const lexer = createDumpLexer({
    copy: (statement) => {
      table = decoder.decode(Buffer.from(COPY.exec(statement)?.[1] ?? '', 'latin1'));
      if (table === '')
        throw new BackupError('failed', `the dump holds a COPY of another form: ${statement.slice(0, 200)}`);
      tables.set(table, tables.get(table) ?? 0);
    },
    rows: (count) => tables.set(table, (tables.get(table) ?? 0) + count),
    meta: (command) => {
      if (!HARMLESS.test(command) && commands.length < MOST_COMMANDS) commands.push(command.slice(0, 80));
    },
  });
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    lexer.push(chunk);
  }
  if (!lexer.end()) throw new BackupError('failed', 'the dump ends in the middle of a statement or of rows');
  return { tables, commands };
}

/** Encodings of a server by the names that Node has for them; ASCII names are the same in all of them. */
const LABELS: Readonly<Record<string, string>> = {
  LATIN1: 'latin1',
  LATIN2: 'iso-8859-2',
  LATIN5: 'iso-8859-9',
  LATIN9: 'iso-8859-15',
  KOI8R: 'koi8-r',
  KOI8U: 'koi8-u',
  EUC_JP: 'euc-jp',
  EUC_KR: 'euc-kr',
  WIN1250: 'windows-1250',
  WIN1251: 'windows-1251',
  WIN1252: 'windows-1252',
};

function decoderOf(encoding: string): TextDecoder {
  return new TextDecoder(LABELS[encoding] ?? 'utf-8');
}
