// SPDX-License-Identifier: AGPL-3.0-or-later
import { foreignKind, NAME, TOKENS_KEPT } from './foreign-statement.ts';
import { openCopied } from './record.ts';
import { type SqlEvents, SqlScanner } from './sql-scanner.ts';

/** What is in the SQL of a dump. */
export interface DumpContent {
  /** Rows of each table, views and sequences not among them. */
  readonly tables: ReadonlyMap<string, number>;
  /** Statements of a kind that no dump of one database holds: `GRANT`, `USE`, `DROP DATABASE`. */
  readonly foreign: readonly string[];
  /** Names in `ALTER DATABASE`, which a dump holds where a routine has another collation than its database. */
  readonly altered: readonly string[];
  /** False where it ends inside of a string, a comment or a statement. */
  readonly complete: boolean;
}

/** What ends every dump. */
export const END_MARK = {
  pattern: /(?:^|\n)-- Dump completed[^\n]*\n*$/,
  name: 'last line `-- Dump completed`',
} as const;

const END_MARK_BYTES = 8 * 1024;
const CHUNK_BYTES = 1024 * 1024;

/** Kinds of foreign statements that are told. */
const FOREIGN_KEPT = 10;

/**
 * Reads a dump once, from beginning to end, and counts its rows: each `(...)` after VALUES of an INSERT outside of strings,
 * comments and the bodies of routines.
 * @throws BackupError `failed` where it is no file; the signal's reason
 */
export async function scanDump(file: string, signal: AbortSignal): Promise<DumpContent> {
  const counter = new StatementCounter();
  const scanner = new SqlScanner(counter);
  const handle = await openCopied(file);
  for await (const chunk of handle.createReadStream({ highWaterMark: CHUNK_BYTES })) {
    signal.throwIfAborted();
    scanner.push(chunk);
  }
  const complete = scanner.finish();
  return { tables: counter.tables, foreign: [...counter.foreign], altered: [...counter.altered], complete };
}

/** Whether a dump ends as a whole one does. */
export async function hasEndMark(file: string): Promise<boolean> {
  const handle = await openCopied(file);
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, END_MARK_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return END_MARK.pattern.test(buffer.toString('latin1'));
  } finally {
    await handle.close();
  }
}

class StatementCounter implements SqlEvents {
  readonly tables = new Map<string, number>();
  readonly foreign = new Set<string>();
  readonly altered = new Set<string>();
  private tokens: string[] = [];
  private target: string | undefined;
  private rows: number | undefined;
  private depth = 0;

  listening(): boolean {
    return this.rows === undefined && this.depth === 0 && this.tokens.length < TOKENS_KEPT;
  }

  word(text: string): void {
    if (!this.listening()) return;
    this.tokens.push(text);
    if (text === 'VALUES' && this.target !== undefined && this.inserts()) this.rows = 0;
  }

  name(text: string): void {
    if (this.depth > 0) return;
    if (this.tokens.length < TOKENS_KEPT) this.tokens.push(NAME);
    this.target ??= text;
  }

  open(): void {
    if (this.depth === 0 && this.rows !== undefined) this.rows++;
    this.depth++;
  }

  close(): void {
    this.depth--;
  }

  end(): void {
    this.judge();
    if (this.target !== undefined) this.count(this.target);
    this.tokens = [];
    this.target = undefined;
    this.rows = undefined;
    this.depth = 0;
  }

  private inserts(): boolean {
    return this.tokens[0] === 'INSERT' || this.tokens[0] === 'REPLACE';
  }

  private count(target: string): void {
    const [first, second] = this.tokens;
    if (this.rows !== undefined) this.tables.set(target, (this.tables.get(target) ?? 0) + this.rows);
    else if (first === 'CREATE' && second === 'TABLE' && !this.tables.has(target)) this.tables.set(target, 0);
    else if (first === 'ALTER' && second === 'DATABASE') this.altered.add(target);
  }

  private judge(): void {
    const kind = foreignKind(this.tokens);
    if (kind !== undefined && this.foreign.size < FOREIGN_KEPT) this.foreign.add(kind);
  }
}
