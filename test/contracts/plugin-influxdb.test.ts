// SPDX-License-Identifier: AGPL-3.0-or-later
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

let work: string;
let server: ChildProcess;
let api: string;
let host: string;

/** A port of 127.0.0.1 that nobody listens on. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const ask = (text: string, database = '') => {
  const args = ['-host', '127.0.0.1', '-port', api.split(':')[1] ?? '', '-format', 'json', '-database', database];
  return execFileSync('influx', [...args, '-execute', text], { encoding: 'utf8', stdio: 'pipe' });
};

const names = (): string[] => {
  const { results } = JSON.parse(ask('SHOW DATABASES'));
  return (results[0].series[0].values ?? []).flat().filter((name: string) => name !== '_internal');
};

/** All points of all databases. */
const dataOf = () =>
  names()
    .sort()
    .map((name) => [name, JSON.parse(ask('SELECT * FROM /.*/', name)).results]);

async function fill(): Promise<void> {
  for (const name of names()) ask(`DROP DATABASE "${name.replace('"', '\\"')}"`);
  for (const name of ['shop', 'odd name-"x']) {
    ask(`CREATE DATABASE "${name.replace('"', '\\"')}"`);
    const points = Array.from(
      { length: 50 },
      (_, at) => `cpu,host=h${at % 3} value=${at},text="a \\"b\\", ü" ${at + 1}000000000`,
    );
    const url = `http://${api}/write?db=${encodeURIComponent(name)}`;
    const { status } = await fetch(url, { method: 'POST', body: points.join('\n') });
    expect(status).toBe(204);
  }
}

beforeAll(async () => {
  work = mkdtempSync(join(tmpdir(), 'influxdb-'));
  [api, host] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const settings = [
    `reporting-disabled = true\nbind-address = "${host}"`,
    `[meta]\n  dir = "${work}/meta"`,
    `[data]\n  dir = "${work}/data"\n  wal-dir = "${work}/wal"`,
    `[http]\n  bind-address = "${api}"\n  log-enabled = false`,
    '[monitor]\n  store-enabled = false',
  ];
  writeFileSync(join(work, 'influxdb.conf'), `${settings.join('\n')}\n`);
  server = spawn('influxd', ['-config', join(work, 'influxdb.conf')], { stdio: 'ignore' });
  for (let attempt = 0; ; attempt += 1) {
    try {
      names();
      break;
    } catch (error) {
      if (attempt > 300) throw error;
      await sleep(200);
    }
  }
});

afterAll(async () => {
  server.kill();
  await once(server, 'exit');
  rmSync(work, { recursive: true, force: true });
});

pluginContract(influxdb, async () => {
  await fill();
  return {
    options: { host, api },
    stateOfHost: dataOf,
    destroy: () => {
      ask('DROP DATABASE shop');
      ask('INSERT cpu,host=h1 value=99 1000000000', 'odd name-"x');
    },
    damage: (copy) => {
      const directory = join(copy, 'influxdb_backup');
      const shard = readdirSync(directory).find((name) => name.endsWith('.tar.gz')) ?? '';
      truncateSync(join(directory, shard), 60);
    },
  };
});

describe('InfluxDB 1', () => {
  const directories = (name: string) => {
    const made = ['stage', 'copy', 'scratch', 'kept'].map((part) => join(work, name, part));
    for (const directory of made) mkdirSync(directory, { recursive: true });
    const [stage = '', copy = '', scratch = '', kept = ''] = made;
    return { stage, copy, scratch, kept };
  };
  const save = async (name: string, database: unknown) => {
    const places = directories(name);
    const context = pluginContext(influxdb, { options: { host, api, database }, stage: places.stage });
    const { facts = {} } = await influxdb.run(context);
    execFileSync('cp', ['-a', `${places.stage}/.`, places.copy]);
    return { ...places, facts, options: { host, api } };
  };

  it('one database is saved alone, and comes back beside the one that is there', async () => {
    await fill();
    const saved = await save('beside', 'shop');
    expect(saved.facts).toEqual({ databases: 'shop' });
    const context = restoreContext(influxdb, { ...saved, as: 'shop_old' });
    expect(await influxdb.restore?.plan(context)).toEqual([
      { action: 'create', what: 'shop_old, from shop of influxdb_backup/db.shop' },
    ]);
    await influxdb.restore?.apply(context);
    expect(ask('SELECT * FROM cpu', 'shop_old')).toBe(ask('SELECT * FROM cpu', 'shop'));
    await expect(influxdb.restore?.plan(context)).rejects.toThrow(/There is shop_old already/);
    await influxdb.restore?.revert(context);
    expect(names().sort()).toEqual(['odd name-"x', 'shop']);
  });

  it('a database that is not there is found before the run, and a run does not take it for saved', async () => {
    await fill();
    const context = pluginContext(influxdb, {
      options: { host, api, database: 'shap' },
      stage: directories('none').stage,
    });
    await expect(influxdb.validate?.(context)).rejects.toThrow(/no shap.*databases: .*shop/);
    await expect(influxdb.run(context)).rejects.toThrow(/influxd/);
  });

  it('two databases have no place under one name', async () => {
    await fill();
    const saved = await save('two', ['shop', 'odd name-"x']);
    await expect(influxdb.restore?.plan(restoreContext(influxdb, { ...saved, as: 'one' }))).rejects.toThrow(
      /one name only/,
    );
  });

  it('a server that is down is told at once, with what to look at', async () => {
    const options = { host: `127.0.0.1:${await freePort()}`, api };
    const context = pluginContext(influxdb, { options, stage: directories('down').stage });
    await expect(influxdb.validate?.(context)).rejects.toThrow(
      /cannot be reached: connect ECONNREFUSED.*bind-address/s,
    );
  });

  it('a copy without a manifest, or with one that names a file elsewhere, is no backup', async () => {
    const { copy, scratch } = directories('hostile');
    const verify = async () => (await influxdb.verify?.(copyContext(influxdb, { options: {}, copy, scratch })))?.[0];
    expect(await verify()).toMatchObject({ status: 'failed', message: expect.stringContaining('no *.manifest') });
    mkdirSync(join(copy, 'influxdb_backup'));
    const manifest = { meta: { fileName: '../../../etc/hostname' }, files: [] };
    writeFileSync(join(copy, 'influxdb_backup/a.manifest'), JSON.stringify(manifest));
    expect(await verify()).toMatchObject({ status: 'failed', message: expect.stringContaining('no name of a file') });
  });
});

/** Stands for `influx` of version 2: buckets are directories; it notes its arguments, and demands the token. */
const STAND_IN = `#!/bin/sh
echo "$*" >>"$0.calls"
[ "$INFLUX_TOKEN" = canary-token ] || { echo 'unauthorized access' >&2; exit 1; }
state="$0.buckets"; mkdir -p "$state"
arg() { name=$1; shift; while [ $# -gt 1 ]; do [ "$1" = "$name" ] && echo "$2"; shift; done; }
bucket=$(arg --bucket "$@"); new=$(arg --new-bucket "$@")
case "$1 $2" in
'bucket list')
  echo "[$(ls "$state" | sed 's/.*/{"name":"&","type":"user"}/' | paste -sd,)]";;
'bucket delete')
  rm "$state/$(arg --name "$@")";;
'backup '*)
  echo kv | gzip >"$2/1.bolt.gz"; list=
  for file in "$state"/*; do
    name=\${file##*/}; [ -z "$bucket" ] || [ "$bucket" = "$name" ] || continue
    gzip <"$file" >"$2/$name.tar.gz"
    list="$list,{\\"bucketName\\":\\"$name\\",\\"retentionPolicies\\":[{\\"shardGroups\\":[{\\"shards\\":[{\\"fileName\\":\\"$name.tar.gz\\"}]}]}]}"
  done
  echo "{\\"kv\\":{\\"fileName\\":\\"1.bolt.gz\\"},\\"buckets\\":[\${list#,}]}" >"$2/1.manifest";;
'restore '*)
  into="$state/\${new:-$bucket}"; [ ! -e "$into" ] || { echo 'bucket already exists' >&2; exit 1; }
  gunzip <"$2/$bucket.tar.gz" >"$into";;
esac
`;

/** A version 2 in a directory: the task that saves it, and what is in it. */
function versionTwoIn(directory: string) {
  const program = join(directory, 'influx');
  const buckets = `${program}.buckets`;
  const token = join(directory, 'token');
  mkdirSync(buckets);
  writeFileSync(program, STAND_IN, { mode: 0o755 });
  writeFileSync(token, 'canary-token\n', { mode: 0o600 });
  for (const name of ['telegraf', 'shop']) writeFileSync(join(buckets, name), `points of ${name}`);
  const read = (path: string) => execFileSync('cat', [path], { encoding: 'utf8' });
  return {
    tools: { influx_cmd: program },
    options: { org: 'example', token_file: token },
    stateOfHost: () =>
      readdirSync(buckets)
        .sort()
        .map((name) => [name, read(join(buckets, name))]),
    destroy: () => {
      rmSync(join(buckets, 'shop'));
      writeFileSync(join(buckets, 'telegraf'), 'encrypted');
    },
    damage: (copy: string) => truncateSync(join(copy, 'influxdb_backup/shop.tar.gz'), 12),
    calls: () => read(`${program}.calls`),
  };
}

describe('InfluxDB 2', () => {
  pluginContract(influxdb, versionTwoIn);

  it('the token is in the environment alone, and `influx` is told which organisation', async () => {
    const directory = mkdtempSync(join(work, 'two-'));
    mkdirSync(join(directory, 'stage'));
    const { calls, ...task } = versionTwoIn(directory);
    await influxdb.run(pluginContext(influxdb, { ...task, stage: join(directory, 'stage') }));
    expect(calls()).toContain('--org example');
    expect(calls()).not.toContain('canary');
  });

  it.each([
    [{ org: 'example' }, /token_file/],
    [{ org: 'example', token: 'x', token_file: '/x' }, /either/],
    [{ org: 'example', token: 'x', database: 'a' }, /bucket/],
    [{ bucket: 'a' }, /InfluxDB 2, which needs/],
    [{ version: 2 }, /needs `org`/],
  ])('options that contradict each other are refused: %j', (options, message) => {
    const { error } = influxdb.options.safeParse(options);
    expect(error?.message).toMatch(message);
  });
});
