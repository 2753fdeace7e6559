// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/** Runs statements on a database, without anybody's settings. */
export const sql = (file: string, text: string) =>
  execFileSync('sqlite3', ['-init', '/dev/null', '-batch', file], { input: text }).toString();

/** A database with a table of two rows, one of them of bytes. */
export function makeShop(file: string): void {
  mkdirSync(dirname(file), { recursive: true });
  sql(file, `CREATE TABLE orders(id INTEGER PRIMARY KEY, what); INSERT INTO orders VALUES (1, 'tea'), (2, x'00ff');`);
}

/** All that is in a database, as text. */
export const dump = (file: string) => (existsSync(file) ? sql(`file:${file}?mode=ro`, '.dump') : 'none');

/** A program that has a database open, when the promise resolves, until the function that it gives is called. */
export async function openWriter(file: string, statements: string): Promise<() => Promise<void>> {
  const child = spawn('sqlite3', ['-init', '/dev/null', file], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.write(`${statements}\nSELECT 'ready';\n`);
  await once(child.stdout, 'data');
  return async () => {
    child.stdin.end('.quit\n');
    await once(child, 'exit');
  };
}
