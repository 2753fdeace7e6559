// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { influxdb } from '../../packages/client/src/plugins/influxdb/index.ts';
import { pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

let work: string;

beforeAll(() => {
  work = mkdtempSync(join(tmpdir(), 'influxdb-two-'));
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

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
    [ ! -e "$0.half" ] || truncate -s 12 "$2/$name.tar.gz"
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

  it('nothing is dropped where what is kept of it is not whole, though `influx` says so', async () => {
    const directory = mkdtempSync(join(work, 'half-'));
    for (const name of ['stage', 'kept', 'scratch']) mkdirSync(join(directory, name));
    const { calls, stateOfHost, ...task } = versionTwoIn(directory);
    const [copy, kept, scratch] = ['stage', 'kept', 'scratch'].map((name) => join(directory, name));
    await influxdb.run(pluginContext(influxdb, { ...task, stage: copy ?? '' }));
    writeFileSync(`${task.tools.influx_cmd}.half`, '');
    const before = stateOfHost();
    const context = restoreContext(influxdb, { ...task, copy: copy ?? '', kept: kept ?? '', scratch: scratch ?? '' });
    await expect(influxdb.restore?.apply(context)).rejects.toThrow(/not whole: .* is damaged/);
    expect(stateOfHost()).toEqual(before);
  });

  it('in a container that was started a moment ago it is waited for, before anything is put back', async () => {
    const directory = mkdtempSync(join(work, 'contained-'));
    const at = (name: string) => join(directory, name);
    for (const name of ['stage', 'kept', 'scratch']) mkdirSync(at(name));
    const { tools, stateOfHost, destroy, options } = versionTwoIn(directory);
    // Stands in for docker, the container being this machine: `cp FROM TO`, and `exec -i [--env NAME] CONTAINER PROGRAM ...`.
    const refusing = `rm ${at('starting')} 2>&- && { echo 'connection refused' >&2; exit 1; }`;
    const lines = [
      '[ "$1" = cp ] && exec cp -a "${2#*:}" "${3#*:}"',
      refusing,
      '[ "$3" = --env ] && shift 2',
      'shift 3',
    ];
    writeFileSync(at('docker'), ['#!/bin/sh', ...lines, 'exec "$@"'].join('\n'), { mode: 0o755 });
    const given = {
      options: { ...options, container: 'influx-1' },
      tools: { ...tools, docker_cmd: `${at('docker')} compose` },
    };
    const before = stateOfHost();
    await influxdb.run(pluginContext(influxdb, { ...given, stage: at('stage') }));
    destroy();
    writeFileSync(at('starting'), '');
    const places = { copy: at('stage'), kept: at('kept'), scratch: at('scratch') };
    await influxdb.restore?.apply(restoreContext(influxdb, { ...given, ...places }));
    expect(stateOfHost()).toEqual(before);
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
