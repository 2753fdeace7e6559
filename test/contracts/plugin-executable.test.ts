// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exampleFile, loadExecutable } from '../helpers/own-plugins.ts';
import { pluginContract } from './plugin.ts';

/** Names and contents of the files in a directory. */
function filesIn(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  return Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), 'utf8')]));
}

pluginContract(await loadExecutable(exampleFile('wiki.sh')), (root) => {
  const pages = join(root, 'wiki', 'pages');
  mkdirSync(pages, { recursive: true });
  writeFileSync(join(pages, 'Start'), 'Welcome');
  writeFileSync(join(pages, "a 'page'\nof two lines"), 'text');
  return {
    options: { directory: join(root, 'wiki') },
    stateOfHost: () => ({ pages: filesIn(pages), quiet: existsSync(join(root, 'wiki', 'MAINTENANCE')) }),
    destroy: () => rmSync(pages, { recursive: true }),
    damage: (copy) => writeFileSync(join(copy, 'wiki', 'pages', 'Start'), 'Weasel'),
  };
});

pluginContract(await loadExecutable(exampleFile('addressbook.py')), (root) => {
  const database = join(root, 'addressbook.db');
  const sql = (text: string) => execFileSync('sqlite3', [database, text], { encoding: 'utf8' });
  sql("CREATE TABLE addresses (name TEXT, mail TEXT); INSERT INTO addresses VALUES ('Ann', 'ann@example.org');");
  sql("INSERT INTO addresses VALUES ('O''Neil \n \"x\"', 'o@example.org');");
  return {
    options: { database },
    stateOfHost: () => (existsSync(database) ? sql('SELECT name, mail FROM addresses ORDER BY name, mail') : 'none'),
    destroy: () => rmSync(database),
    damage: (copy) => truncateSync(join(copy, 'addressbook', 'addresses.jsonl'), 40),
  };
});

pluginContract(await loadExecutable(exampleFile('shop-uploads.mjs')), (root) => {
  const shop = join(root, 'shop');
  const uploads = join(shop, 'uploads');
  mkdirSync(uploads, { recursive: true });
  writeFileSync(join(uploads, 'one.jpg'), 'picture');
  return {
    options: { directory: shop },
    stateOfHost: () => ({ uploads: filesIn(uploads), closed: existsSync(join(shop, 'closed')) }),
    destroy: () => rmSync(uploads, { recursive: true }),
  };
});
