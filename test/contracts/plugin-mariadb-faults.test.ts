// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { mariadb } from '../../packages/client/src/plugins/mariadb/index.ts';
import { createMariadbLab } from '../helpers/mariadb-lab.ts';
import { pluginContext } from '../helpers/plugin-context.ts';

const lab = createMariadbLab(mariadb);
const PATH = process.env.PATH;

afterEach(() => {
  process.env.PATH = PATH;
});

const TABLE = 'CREATE TABLE a (id INT PRIMARY KEY, t TEXT) ENGINE=InnoDB; INSERT INTO a VALUES (1, REPEAT(1, 1000));';
const validate = async (options: object) =>
  mariadb.validate?.(pluginContext(mariadb, { options: lab.options(options), stage: lab.path('stage') }));
const dumps = () => (existsSync(lab.path('stage/databases')) ? readdirSync(lab.path('stage/databases')) : []);

/** An executable in front of the PATH; `$REAL` is the real program's path. */
const standIn = (name: string, script: string) => {
  mkdirSync(lab.path('bin'), { recursive: true });
  const real = execFileSync('sh', ['-c', `command -v ${name} || true`], { encoding: 'utf8' }).trim();
  writeFileSync(lab.path(`bin/${name}`), `#!/bin/bash\nREAL='${real}'\n${script}\n`, { mode: 0o755 });
  process.env.PATH = `${lab.path('bin')}:${PATH}`;
};

const credentials = (text: string, mode = 0o600) => {
  const file = lab.path('my.cnf');
  writeFileSync(file, `[client]\n${text}\n`, { mode });
  chmodSync(file, mode);
  chmodSync(lab.root, 0o700);
  return file;
};

describe('what is wrong is said before a run', () => {
  it('a database that is not there, with those that are', async () => {
    lab.create('shop', TABLE);
    await expect(validate({ database: ['shop', 'shpo'] })).rejects.toThrow(
      /No such database.*: shpo\. This account of the server sees: shop\./,
    );
  });

  it('a server that does not run', async () => {
    const options = { database: 'shop', socket: lab.path('no-such-socket') };
    await expect(validate(options)).rejects.toThrow(
      /MariaDB server at .*no-such-socket cannot be reached.*systemctl status/,
    );
  });

  it('a wrong password, without quoting it', async () => {
    lab.server.sql("CREATE USER backup@localhost IDENTIFIED BY 'right-one'");
    const defaults_file = credentials('user=backup\npassword=wrong-one');
    const failure = await validate({ database: 'shop', defaults_file }).catch((error: Error) => error.message);
    expect(failure).toMatch(/refused the login .*my\.cnf.*Access denied for user 'backup'/s);
    expect(failure).not.toContain('wrong-one');
  });

  it('a credentials file that others can read, and a program that is not installed', async () => {
    const defaults_file = credentials('user=backup', 0o640);
    await expect(validate({ database: 'shop', defaults_file })).rejects.toThrow(/has mode 0640; .*chmod 600/);
    const { tools, ...context } = pluginContext(mariadb, {
      options: lab.options({ database: 'shop' }),
      stage: lab.path('stage'),
      tools: { mysqldump_cmd: '/nonexistent/mysqldump' },
    });
    await expect(mariadb.validate?.({ ...context, tools })).rejects.toThrow(
      /\/nonexistent\/mysqldump not found.*apt install mariadb-client/,
    );
  });

  it('accounts that may not be read', async () => {
    lab.create('shop', TABLE);
    lab.server.sql("CREATE USER backup@localhost IDENTIFIED BY 'x'; GRANT SELECT ON shop.* TO backup@localhost");
    const defaults_file = credentials('user=backup\npassword=x');
    await expect(validate({ database: 'all', defaults_file })).rejects.toThrow(
      /accounts cannot be read.*`grants: false`/,
    );
    expect(await validate({ database: 'all', defaults_file, grants: false })).toEqual([]);
  });
});

describe('half a dump is no dump', () => {
  it.each([
    ['ends early without an error', 'echo "CREATE TABLE x (a int);"', /ends before its end \(no last line/],
    ['prints nothing', ':', /dumped nothing/],
    [
      'ends in the middle of a statement',
      `printf "INSERT INTO t VALUES ('\n-- Dump completed\n"`,
      /middle of a statement/,
    ],
    ['is killed', 'echo "-- "; kill -9 $$', /mariadb-dump/],
  ])('when the program %s', async (_, script, message) => {
    lab.create('shop', TABLE);
    standIn('mariadb-dump', script);
    await expect(lab.save({ database: 'shop' })).rejects.toThrow(message);
    expect(dumps()).toEqual([]);
  });

  it('when one of several fails: the others are saved', async () => {
    for (const name of ['one', 'two']) lab.create(name, TABLE);
    standIn('mariadb-dump', '[ "${@: -1}" = one ] && exit 3; exec "$REAL" "$@"');
    await expect(lab.save({ database: ['one', 'two'] })).rejects.toThrow(/^database one: .*exit code 3/);
    expect(dumps()).toEqual(['two.json', 'two.sql']);
  });

  it('when a table is locked for too long: it is named', async () => {
    lab.create('shop', TABLE);
    const holder = spawn('mariadb', ['--no-defaults', `--socket=${lab.server.socket}`, 'shop'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      holder.stdin.write("LOCK TABLES a WRITE; SELECT 'held';\n");
      // Not before the table is held.
      await untilHeld();
      await expect(lab.save({ database: 'shop', timeout: '1s' })).rejects.toThrow(
        /took too long.*In use or locked: a\./s,
      );
    } finally {
      holder.stdin.end();
      await once(holder, 'exit');
    }
    expect(dumps()).toEqual([]);
  }, 60_000);

  it('when the disk is full', async () => {
    lab.create('shop', TABLE);
    lab.server.sql('INSERT INTO a SELECT seq, REPEAT(seq, 500) FROM seq_2_to_3000', 'shop');
    mkdirSync(lab.path('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', lab.path('small')]);
    try {
      const stage = lab.path('small');
      const context = pluginContext(mariadb, { options: lab.options({ database: 'shop' }), stage });
      await expect(mariadb.run(context)).rejects.toThrow(/No space left/);
      expect(readdirSync(lab.path('small/databases'))).toEqual([]);
    } finally {
      execFileSync('umount', [lab.path('small')]);
    }
  });

  it('when two tasks of a service save a database of the same name', async () => {
    lab.create('shop', TABLE);
    await lab.save({ database: 'shop' });
    await expect(lab.save({ database: 'shop' })).rejects.toThrow('is there already: another task of this service');
    expect(dumps()).toEqual(['shop.json', 'shop.sql']);
    writeFileSync(lab.path('stage/databases/grants.sql'), 'of another plugin');
    const failure = lab.save({ database: 'shop', grants: true });
    await expect(failure).rejects.toThrow(/^database shop: .*\naccounts: databases\/grants\.sql is there already/);
    expect(readFileSync(lab.path('stage/databases/grants.sql'), 'utf8')).toBe('of another plugin');
  });
});

async function untilHeld(): Promise<void> {
  const end = Date.now() + 60_000;
  while (!lab.server.sql("SHOW OPEN TABLES FROM shop WHERE `Table` = 'a' AND In_use > 0").includes('a')) {
    if (Date.now() > end) throw new Error('The table was not locked.');
    await delay(50);
  }
}

it('keeps secrets out of arguments and environments', async () => {
  lab.create('shop', TABLE);
  lab.server.sql("CREATE USER backup@localhost IDENTIFIED BY 'v3ry-s3cret'; GRANT ALL ON *.* TO backup@localhost");
  const defaults_file = credentials('user=backup\npassword=v3ry-s3cret');
  const record = `{ printf '%s\\n' "$@"; env; } >> '${lab.path('seen')}'; exec "$REAL" "$@"`;
  for (const name of ['mariadb', 'mariadb-dump']) standIn(name, record);
  await lab.save({ database: 'shop', grants: true, defaults_file });
  const seen = execFileSync('cat', [lab.path('seen')], { encoding: 'utf8' });
  expect(seen).toContain(`--defaults-extra-file=${defaults_file}`);
  expect(seen).not.toContain('v3ry-s3cret');
});
