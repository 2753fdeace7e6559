// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, link, mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * A small web application as an admin would have it: pages, uploads, a SQLite database, and some of the things that
 * careless backups lose (hard links, holes, odd names, a file without any permission).
 */
export async function createSampleApp(directory: string): Promise<void> {
  if (existsSync(join(directory, 'app.db'))) return;
  await mkdir(join(directory, 'uploads'), { recursive: true });
  for (let page = 1; page <= 200; page++) {
    await writeFile(
      join(directory, `page-${page}.html`),
      `<h1>Page ${page}</h1>\n${'<p>Lorem ipsum</p>\n'.repeat(page)}`,
    );
  }
  await writeFile(join(directory, 'uploads', 'caf\u00e9 menu.txt'), 'Espresso 2.20\n');
  await writeFile(
    Buffer.concat([Buffer.from(join(directory, 'uploads', 'latin1-')), Buffer.from([0xe9])]),
    'any bytes\n',
  );
  await writeFile(join(directory, 'secret.key'), 'not for everyone\n');
  await chmod(join(directory, 'secret.key'), 0o000);
  await link(join(directory, 'page-1.html'), join(directory, 'index.html'));
  await symlink('uploads/caf\u00e9 menu.txt', join(directory, 'menu.txt'));
  await writeFile(join(directory, 'disk.img'), 'boot');
  await truncate(join(directory, 'disk.img'), 64 * 1024 * 1024);
  execFileSync('sqlite3', [join(directory, 'app.db')], { input: DATABASE });
}

const DATABASE = `
CREATE TABLE visitors (id INTEGER PRIMARY KEY, name TEXT NOT NULL, seen TEXT NOT NULL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
INSERT INTO visitors SELECT i, 'visitor ' || i, datetime(1700000000 + i * 60, 'unixepoch') FROM n;
`;
