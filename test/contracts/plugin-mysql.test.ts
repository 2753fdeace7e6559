// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { mysql } from '../../packages/client/src/plugins/mysql/index.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { pluginContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

const lab = createMariadbLab(mysql);
const PATH = process.env.PATH;

const TABLES = `CREATE TABLE a (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB; INSERT INTO a VALUES (1, 'x'), (2, NULL);
  CREATE VIEW v AS SELECT t FROM a;`;

describe('contract', () => {
  pluginContract(mysql, () => {
    lab.create('shop', TABLES);
    return {
      options: lab.options({ database: ['shop'] }),
      stateOfHost: () => lab.state(),
      destroy: () => lab.server.sql('DROP DATABASE shop'),
      damage: (copy) => truncateSync(join(copy, 'databases/shop.sql'), 1500),
    };
  });
});

/** Stands for Docker: writes down what it is called with and what it sees, and runs the command on this machine. */
const DOCKER = `#!/bin/bash
{ printf '%s ' "$@"; echo; env; } >> "$(dirname "$0")/seen"
[ "$1 $2 $3" = "exec -i shop-db-1" ] || { echo "No such container" >&2; exit 1; }
rm "$(dirname "$0")/starting" 2>&- && { echo "ERROR 2002 (HY000): Can't connect to local server" >&2; exit 1; }
shift 3
# A pipe, as inside of a container.
exec "$@" < <(cat)
`;

describe('in a container', () => {
  afterEach(() => {
    process.env.PATH = PATH;
  });

  it('saves and restores, and no secret is in an argument, an environment or left in the container', async () => {
    mkdirSync(lab.path('bin'));
    writeFileSync(lab.path('bin/docker'), DOCKER, { mode: 0o755 });
    process.env.PATH = `${lab.path('bin')}:${PATH}`;
    lab.create('shop', TABLES);
    lab.server.sql("CREATE USER backup@localhost IDENTIFIED BY 'v3ry-s3cret'; GRANT ALL ON *.* TO backup@localhost");
    chmodSync(lab.root, 0o700);
    const defaults_file = lab.path('container.cnf');
    writeFileSync(defaults_file, '[client]\nuser=backup\npassword=v3ry-s3cret\n', { mode: 0o600 });
    const options = { database: 'shop', container: 'shop-db-1', defaults_file };
    const before = lab.state();

    await mysql.validate?.(pluginContext(mysql, { options: lab.options(options), stage: lab.path('stage') }));
    await lab.save(options);
    lab.server.sql('DROP TABLE a', 'shop');
    const context = lab.restoring(options);
    await mysql.restore?.plan(context);
    // The container was started a moment ago.
    writeFileSync(lab.path('bin/starting'), '');
    await mysql.restore?.apply(context);
    expect(lab.state()).toEqual(before);

    const seen = readFileSync(lab.path('bin/seen'), 'utf8');
    expect(seen).toContain('exec -i shop-db-1 mysqldump --defaults-extra-file=/dev/stdin');
    expect(seen).toMatch(/exec -i shop-db-1 mysql --defaults-extra-file=\/tmp\/\.local-backup-\w+\.cnf/);
    expect(seen).not.toContain('v3ry-s3cret');
    const [, left = ''] = /install -m 600 \/dev\/stdin \/tmp\/(\S+)/.exec(seen) ?? [];
    expect(left).toMatch(/^\.local-backup-/);
    expect(readdirSync('/tmp')).not.toContain(left);
  });

  it('says that the container does not run', async () => {
    mkdirSync(lab.path('bin'));
    writeFileSync(lab.path('bin/docker'), DOCKER, { mode: 0o755 });
    process.env.PATH = `${lab.path('bin')}:${PATH}`;
    const options = lab.options({ database: 'shop', container: 'other-1' });
    const context = pluginContext(mysql, { options, stage: lab.path('stage') });
    await expect(mysql.validate?.(context)).rejects.toThrow('can be started in container other-1. Is it running?');
  });
});

/** Stands for the server of MySQL: the same options make and start one of MariaDB. */
const MYSQLD = `#!/bin/bash
printf '%s\\n' "$*" >> "$(dirname "$0")/../mysqld-calls"
words=(); make=
for word; do
  case "$word" in
    --version) echo 'mysqld  Ver 8.0.40 for Linux on x86_64 (MySQL Community Server - GPL)'; exit ;;
    --initialize-insecure) make=1 ;;
    --loose-mysqlx=OFF) ;;
    *) words+=("$word") ;;
  esac
done
[ -z "$make" ] && exec mariadbd "\${words[@]}"
exec mariadb-install-db "\${words[@]}" --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve
`;

describe('a dump of MySQL', () => {
  afterEach(() => {
    process.env.PATH = PATH;
  });

  it('is loaded into a throw-away server of MySQL, and counted, where this machine has one', async () => {
    lab.create('shop', 'CREATE TABLE a (id INT PRIMARY KEY) ENGINE=InnoDB; INSERT INTO a VALUES (1), (2);');
    await lab.save({ database: 'shop' });
    const record = lab.path('stage/databases/shop.json');
    const comesFrom = (version: string) =>
      writeFileSync(record, readFileSync(record, 'utf8').replace(/"server": ".*"/, `"server": "${version}"`));
    comesFrom('8.0.40');
    const loaded = async () => (await lab.verify({ database: 'shop' }, 'full')).slice(1);
    // What is called mysqld here is MariaDB's.
    expect(await loaded()).toEqual([
      { name: 'databases/shop.sql, loaded', status: 'skipped', message: expect.stringContaining('(mysqld)') },
    ]);
    mkdirSync(lab.path('bin'));
    writeFileSync(lab.path('mysqld-calls'), '');
    chmodSync(lab.path('mysqld-calls'), 0o666);
    writeFileSync(lab.path('bin/mysqld'), MYSQLD, { mode: 0o755 });
    process.env.PATH = `${lab.path('bin')}:${PATH}`;
    expect(await loaded()).toEqual([
      { name: 'databases/shop.sql, loaded', status: 'ok', message: '1 tables with 2 rows, as they were saved' },
    ]);
    const calls = readFileSync(lab.path('mysqld-calls'), 'utf8');
    expect(calls).toMatch(/^--no-defaults --datadir=\S+ --initialize-insecure$/m);
    expect(calls).toMatch(/--skip-networking .*--init-file=\S+ --loose-mysqlx=OFF$/m);
  });
});
