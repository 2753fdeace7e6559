// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Databases by name, their collections by name, with documents as texts. */
export type Databases = Record<string, Record<string, string[]>>;

/**
 * `mongodump`, `mongorestore` and `docker` that work on a JSON file in the place of a server, and write down how they were called;
 * `mongod` has a JSON file of its own in its data directory. All of them can be started by any account.
 * The archives have the outer form that mongo-tools gives them (common/archive).
 */
export class MongodbStandIn {
  readonly bin: string;
  readonly #state: string;
  readonly #calls: string;

  constructor(directory: string) {
    this.bin = join(directory, 'bin');
    this.#state = join(directory, 'state.json');
    this.#calls = join(directory, 'calls');
    mkdirSync(this.bin, { recursive: true });
    const places = `const STATE = ${JSON.stringify(this.#state)}, CALLS = ${JSON.stringify(this.#calls)};`;
    for (const [name, body] of [
      ['mongodump', DUMP],
      ['mongorestore', RESTORE],
      ['docker', DOCKER],
      ['mongod', SERVER],
    ] as const) {
      writeFileSync(join(this.bin, name), `#!${process.execPath}\n${places}\n${COMMON}\n${body}\n`);
      chmodSync(join(this.bin, name), 0o755);
    }
    writeFileSync(this.#calls, '');
    chmodSync(this.#calls, 0o666);
    this.databases = {};
  }

  get databases(): Databases {
    return JSON.parse(readFileSync(this.#state, 'utf8'));
  }

  set databases(databases: Databases) {
    writeFileSync(this.#state, JSON.stringify(databases));
  }

  /** Command lines, in their order. */
  get calls(): readonly string[] {
    return readFileSync(this.#calls, 'utf8').split('\n').slice(0, -1);
  }
}

const COMMON = `
const fs = require('node:fs');
const path = require('node:path');
const args = process.argv.slice(2);
fs.appendFileSync(CALLS, JSON.stringify([path.basename(process.argv[1]), ...args]).slice(1, -1).replaceAll('"', '').replaceAll(',', ' ') + '\\n');
const value = (name) => args.find((arg) => arg.startsWith(name + '='))?.slice(name.length + 1);
const uri = value('--uri');
const FILE = uri === undefined ? STATE : path.join(path.dirname(decodeURIComponent(uri.replace('mongodb://', ''))), 'data/state.json');
const config = args.includes('--config') ? fs.readFileSync(args[args.indexOf('--config') + 1], 'utf8') : '';
if (config.includes('wrong')) {
  console.error('Failed: can\\'t create session: connection() error occurred during connection handshake: auth error');
  process.exit(1);
}
const int32 = (n) => { const b = Buffer.alloc(4); b.writeInt32LE(n); return b; };
const text = (s) => Buffer.concat([int32(Buffer.byteLength(s) + 1), Buffer.from(s + '\\0')]);
const doc = (fields) => {
  const body = Buffer.concat(Object.entries(fields).map(([name, v]) => Buffer.concat(
    typeof v === 'string' ? [Buffer.from([2]), Buffer.from(name + '\\0'), text(v)]
      : typeof v === 'boolean' ? [Buffer.from([8]), Buffer.from(name + '\\0'), Buffer.from([v ? 1 : 0])]
      : [Buffer.from([18]), Buffer.from(name + '\\0'), int32(v), int32(0)])));
  return Buffer.concat([int32(body.length + 5), body, Buffer.from([0])]);
};
const END = int32(-1);
`;

const DUMP = `
const all = JSON.parse(fs.readFileSync(FILE, 'utf8'));
const only = value('--db');
const collection = value('--collection'), isEmpty = value('--query') !== undefined;
const chosen = Object.entries(all).filter(([name]) => only === undefined || name === only).map(([name, all]) => {
  const wanted = Object.entries(all).filter(([one]) => collection === undefined || one === collection);
  return [name, Object.fromEntries(wanted.map(([one, documents]) => [one, isEmpty ? [] : documents]))];
});
if (collection !== undefined && all[only]?.[collection] === undefined) process.exit(0);
const parts = [Buffer.from([0x6d, 0xe2, 0x99, 0x81]), doc({ version: '0.1', server_version: '7.0.0' })];
for (const [db, collections] of chosen) for (const collection of Object.keys(collections)) parts.push(doc({ db, collection, size: 0 }));
parts.push(END);
for (const [db, collections] of chosen) for (const [collection, documents] of Object.entries(collections)) {
  if (documents.length > 0) parts.push(doc({ db, collection, EOF: false, CRC: 0 }), ...documents.map((v) => doc({ v })), END);
  parts.push(doc({ db, collection, EOF: true, CRC: 0 }), END);
}
const archive = Buffer.concat(parts);
fs.writeSync(1, archive, 0, fs.existsSync(STATE + '.cut') ? archive.length - 60 : archive.length);
`;

const RESTORE = `
const all = JSON.parse(fs.readFileSync(FILE, 'utf8'));
const archive = fs.readFileSync(0);
let at = 4;
const next = () => {
  const length = archive.readInt32LE(at);
  if (length === -1) { at += 4; return undefined; }
  const found = archive.subarray(at, at + length); at += length; return found;
};
const field = (d, name) => {
  const start = d.indexOf(Buffer.from('\\x02' + name + '\\0')) + name.length + 2;
  return d.toString('utf8', start + 4, start + 3 + d.readInt32LE(start));
};
const drop = args.includes('--drop');
const only = value('--nsInclude');
next();
const wanted = (db) => (only === undefined || only === db + '.*') && !args.includes('--nsExclude=' + db + '.*');
for (let d = next(); d !== undefined; d = next()) {
  const db = field(d, 'db'), collection = field(d, 'collection');
  if (!wanted(db)) continue;
  if (fs.existsSync(STATE + '.refused')) { console.error('Failed: shop.orders: cannot create index'); process.exit(1); }
  all[db] ??= {};
  if (drop || all[db][collection] === undefined) all[db][collection] = [];
}
while (at < archive.length) {
  const header = next();
  for (let d = next(); d !== undefined; d = next()) {
    const db = field(header, 'db'), documents = wanted(db) ? all[db][field(header, 'collection')] : [];
    if (uri !== undefined && fs.existsSync(STATE + '.forgetful')) continue;
    if (!documents.includes(field(d, 'v'))) documents.push(field(d, 'v'));
  }
}
fs.writeFileSync(FILE, JSON.stringify(all));
`;

const SERVER = `
if (args.includes('--version')) { console.log('db version v7.0.5'); process.exit(0); }
if (fs.existsSync(STATE + '.broken')) { console.log('cannot open the data directory'); process.exit(62); }
fs.writeFileSync(path.join(value('--dbpath'), 'state.json'), JSON.stringify({ admin: { 'system.version': ['own'] } }));
require('node:net').createServer().listen(path.join(value('--unixSocketPrefix'), 'mongodb-' + value('--port') + '.sock'));
process.on('SIGTERM', () => process.exit(0));
`;

/** Starts what it is told on this host, in the place of the container; standard input is a pipe there. */
const DOCKER = `
const words = args.slice(args.indexOf('-i') + 2);
const done = require('node:child_process').spawnSync('sh', ['-c', 'cat | "$@"', 'sh', ...words], { stdio: 'inherit' });
process.exit(done.status ?? 1);
`;
