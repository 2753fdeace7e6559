// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Manifest, manifestSchema } from '@local-backup/common/manifest';
import type { Plugin } from '../../packages/client/src/plugin.ts';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { ldap } from '../../packages/client/src/plugins/ldap/index.ts';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { postgresql } from '../../packages/client/src/plugins/postgresql/index.ts';
import { redis } from '../../packages/client/src/plugins/redis/index.ts';
import { sqlite } from '../../packages/client/src/plugins/sqlite/index.ts';
import { InfluxLab } from './influx-lab.ts';
import { startMariadb } from './mariadb.ts';
import { pluginContext } from './plugin-context.ts';
import { startPostgres } from './postgres.ts';
import { RedisLab } from './redis-lab.ts';
import { SlapdLab } from './slapd-lab.ts';
import { makeShop } from './sqlite-lab.ts';

/** A service in a tree, as the client leaves it: what its plugin has saved, and its service.yaml. */
async function saveService(tree: string, name: string, plugin: Plugin, options: object): Promise<void> {
  const stage = join(tree, name);
  mkdirSync(stage, { recursive: true, mode: 0o700 });
  const tools = plugin === postgresql ? { tools: pgDump } : {};
  await plugin.run(pluginContext(plugin, { options, stage, ...tools }));
  describeService(tree, name, { [plugin.name]: options });
}

let pgDump: Readonly<Record<string, string>> = {};

/** Puts a service.yaml into a tree. */
export function describeService(tree: string, name: string, tasks: object): void {
  mkdirSync(join(tree, name, 'config_used'), { recursive: true, mode: 0o700 });
  // JSON is YAML.
  const text = JSON.stringify({ service: { name: name.split('/')[1] }, ...tasks });
  writeFileSync(join(tree, name, 'config_used/service.yaml'), text, { mode: 0o600 });
}

const ORDERS = "INSERT INTO orders VALUES (1, 'tea'), (2, 'coffee'), (3, 'cocoa');";

/** PostgreSQL: `db/pg`, three orders. */
export async function savePostgres(tree: string): Promise<void> {
  const server = await startPostgres();
  try {
    pgDump = server.tools;
    server.sql('postgres', 'CREATE DATABASE shop');
    server.sql('shop', 'CREATE TABLE orders (id int primary key, what text)', ORDERS);
    const { socket: host, port } = server;
    await saveService(tree, 'db/pg', postgresql, { host, port, user: 'postgres', database: 'shop' });
  } finally {
    await server.stop();
  }
}

/** MariaDB: `db/maria`, three orders. */
export async function saveMariadb(tree: string): Promise<void> {
  const server = await startMariadb();
  try {
    server.sql(`CREATE DATABASE shop; USE shop; CREATE TABLE orders (id int primary key, what text); ${ORDERS}`);
    await saveService(tree, 'db/maria', mariadb, { socket: server.socket, database: 'shop' });
  } finally {
    await server.stop();
  }
}

/** InfluxDB 1: `db/influx`, two points. */
export async function saveInflux(tree: string): Promise<void> {
  const server = new InfluxLab();
  try {
    await server.start();
    server.ask('CREATE DATABASE shop');
    await server.write('shop', ['sold what="tea" 1000000000', 'sold what="milk" 2000000000']);
    await saveService(tree, 'db/influx', influxdb, { host: server.host, api: server.api });
  } finally {
    await server.remove();
  }
}

/** SQLite, Redis and OpenLDAP: `db/sqlite`, `db/redis`, `db/ldap`. */
export async function saveOthers(tree: string): Promise<void> {
  const own = mkdtempSync(join(tmpdir(), 'saved-'));
  const [cache, directory] = [new RedisLab(), new SlapdLab()];
  try {
    chmodSync(own, 0o755);
    makeShop(join(own, 'shop.db'));
    await saveService(tree, 'db/sqlite', sqlite, { paths: [join(own, 'shop.db')] });
    await cache.start();
    cache.cli(['MSET', 'a', '1', 'b', '2']);
    await saveService(tree, 'db/redis', redis, { socket: cache.socket });
    directory.create();
    await saveService(tree, 'db/ldap', ldap, { config_dir: directory.config });
  } finally {
    await cache.remove();
    await directory.remove();
    rmSync(own, { recursive: true, force: true });
  }
}

/** A manifest of services that have one task each. */
export function manifestOf(...services: readonly { type: string; name: string; plugin: string }[]): Manifest {
  const times = { started: '2026-11-21T03:00:00Z', seconds: 1, secondsStopped: 0, bytes: 0, files: 0 };
  const common = { status: 'success', messages: [], ...times };
  const list = { name: 'web1-20261121_030000.tar.gz.entries.gz', bytes: 1, sha256: '0'.repeat(64) };
  return manifestSchema.parse({
    ...{ format: 1, hostname: 'web1', archive: 'web1-20261121_030000.tar.gz', created: '2026-11-21T03:00:00Z' },
    ...{ kind: 'full', clientVersion: '0', bytes: 1, sha256: '0'.repeat(64), status: 'success', entryList: list },
    totals: { files: 0, entries: 0, bytes: 0 },
    services: services.map(({ type, name, plugin }) => ({
      ...common,
      ...{ type, name, tasks: [{ plugin, status: 'success', messages: [], seconds: 1, facts: {} }] },
    })),
  });
}
