// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { mergeProjects, parseContainers, parseProjectList } from './compose-projects.ts';
import { listensIn, parseClusters, parseRedisConfig } from './servers.ts';
import { unitDirectories } from './units.ts';

const container = (labels: Record<string, string>, more: object = {}) =>
  JSON.stringify({ Name: '/shop-db-1', Config: { Image: 'postgres:16', Labels: labels, Env: null }, ...more });

describe('compose projects', () => {
  it('are read from what compose lists; a comma may be in a path', () => {
    const text = JSON.stringify([
      { Name: 'shop', Status: 'running(1)', ConfigFiles: '/opt/a, b/c.yml,/opt/a, b/d.yml' },
      { Name: 'wiki' },
    ]);
    expect(parseProjectList(text)).toMatchObject([
      { name: 'shop', files: ['/opt/a, b/c.yml', '/opt/a, b/d.yml'] },
      { name: 'wiki', files: [] },
    ]);
  });

  it.each(['', 'no JSON', '{}', '[1]', '[{"Name": 7}]', 'null'])('are none in %j', (text) => {
    expect(parseProjectList(text)).toEqual([]);
    expect(parseContainers([text])).toEqual([]);
  });

  it('are read from the labels of containers; those of podman are relative', () => {
    const labels = {
      'io.podman.compose.project': 'shop',
      'com.docker.compose.project.working_dir': '/opt/shop',
      'com.docker.compose.project.config_files': 'compose.yml,more.yml',
      'com.docker.compose.service': 'db',
    };
    const mounts = [
      { Type: 'volume', Name: 'shop_db', Source: '/var/lib/docker/volumes/shop_db/_data' },
      { Type: 'bind', Source: '/srv/x' },
      { Type: 'tmpfs', Source: '' },
    ];
    const more = { State: { Running: true }, Mounts: mounts };
    expect(parseContainers([container(labels, more), container({})])).toEqual([
      {
        name: 'shop',
        files: ['/opt/shop/compose.yml', '/opt/shop/more.yml'],
        containers: [
          {
            name: 'shop-db-1',
            service: 'db',
            image: 'postgres:16',
            isRunning: true,
            mounts: ['shop_db', '/srv/x'],
            postgresUser: undefined,
            influxOrg: undefined,
          },
        ],
      },
    ]);
  });

  it('are the same by name', () => {
    const one = { name: 'shop', files: ['/a'], containers: [] };
    const other = { name: 'shop', files: [], containers: [] };
    expect(mergeProjects([other], [one])).toEqual([one]);
  });
});

describe('servers', () => {
  it('reads clusters of PostgreSQL', () => {
    const text =
      '13 old  5433 down   postgres /var/lib/x /log\n15 main 5432 online,recovery postgres /v /l\n\nError: x\n';
    expect(parseClusters(text)).toEqual([
      { name: '13/old', port: 5433, isOnline: false },
      { name: '15/main', port: 5432, isOnline: true },
    ]);
  });

  it('sees whether Redis has a password, and not which', () => {
    const text = '# requirepass no\nport 6380\nunixsocket "/run/r.sock"\nrequirepass secret\n';
    expect(parseRedisConfig(text)).toEqual({ port: 6380, socket: '/run/r.sock', hasPassword: true });
    expect(parseRedisConfig('# requirepass no\n')).toEqual({ port: 6379, socket: undefined, hasPassword: false });
  });

  it('sees who listens', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue',
      '   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000   113        0 1',
      '   1: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000   113        0 1',
    ].join('\n');
    expect([6379, 8080, 5432].map((port) => listensIn(table, port))).toEqual([true, false, false]);
  });
});

describe('unitDirectories', () => {
  it.each([
    ['WorkingDirectory=/srv/my shop/\n', ['/srv/my shop']],
    ['StateDirectory=shop wiki:w\nWorkingDirectory=-/opt/a\n', ['/opt/a', '/var/lib/shop', '/var/lib/wiki']],
    ['WorkingDirectory=/opt/a\nRootDirectory=/opt/a/b\n', ['/opt/a']],
    // Of everybody, made up anew, or not known before the unit runs.
    ['WorkingDirectory=/\nWorkingDirectory=~\nWorkingDirectory=/root\nWorkingDirectory=/home/me', []],
    ['WorkingDirectory=/srv/%i\nWorkingDirectory=/srv/../etc/x\nWorkingDirectory=/run/x', []],
    ['#WorkingDirectory=/srv/a', []],
  ])('%j', (text, expected) => {
    expect(unitDirectories(text)).toEqual(expected);
  });
});
