// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { mysqlOptions, namedDatabases, options, savesGrants } from './options.ts';

const complaints = (given: object) =>
  options.safeParse({ database: 'shop', ...given }).error?.issues.map(({ message }) => message);

describe('options of mariadb and mysql', () => {
  it('take both spellings of host and user, as long as they agree', () => {
    expect(options.parse({ database: 'shop', hostname: 'db', username: 'u' })).toMatchObject({ host: 'db', user: 'u' });
    expect(options.parse({ database: 'shop', host: 'db', hostname: 'db' })).toMatchObject({ host: 'db' });
    expect(complaints({ host: 'a', hostname: 'b', user: 'a', username: 'b' })).toEqual([
      'must not differ from `host`: it means the same',
      'must not differ from `user`: it means the same',
    ]);
  });

  it('refuse passwords, and ports that there are not', () => {
    expect(complaints({ password: 'x' })?.join()).toContain('must not be in a service.yaml');
    for (const port of [0, 65_536, 3306.5, '3306']) expect(complaints({ port }), String(port)).toBeDefined();
    expect(complaints({ port: 65_535 })).toBeUndefined();
    expect(complaints({ socket: '/run/s', host: 'db' })).toEqual(['must not be set together with a host']);
  });

  it('take one database, several, or all; accounts come with all', () => {
    expect(namedDatabases(options.parse({ database: 'shop' }))).toEqual(['shop']);
    expect(namedDatabases(options.parse({ database: ['a', 'b'] }))).toEqual(['a', 'b']);
    expect(namedDatabases(options.parse({ database: 'all' }))).toBeUndefined();
    expect(['shop', 'all'].map((database) => savesGrants(options.parse({ database })))).toEqual([false, true]);
    expect(savesGrants(options.parse({ database: 'all', grants: false }))).toBe(false);
    for (const database of [[], ['a', 'a'], ['all', 'a'], 'mysql', 'SYS', '', "it's", 'x'.repeat(65), 'end '])
      expect(complaints({ database }), String(database)).toBeDefined();
  });

  it.each([
    '--result-file=/etc/passwd',
    '--res=/etc/passwd',
    '--result_file=/x',
    '--loose-skip-comments',
    '--comments=0',
    '--databases',
    '--all',
    '--no-data',
    '--where=id<3',
    '--password=x',
    '--def',
    '-ppassword',
    '-d',
    '--',
    'othertable',
  ])('refuse %s in dump_options', (word) => {
    expect(complaints({ dump_options: word })?.join()).toContain(word);
  });

  it('take other options of the dump program, as words or as a list', () => {
    const words = '--ignore-table=shop.sessions --order-by-primary --skip-extended-insert';
    expect(options.parse({ database: 'shop', dump_options: words }).dump_options).toEqual(words.split(' '));
    expect(
      complaints({ dump_options: ['--ssl-ca=/etc/a b.pem', '--skip-triggers', '--add-drop-table'] }),
    ).toBeUndefined();
  });

  it('copy a whole server of this machine, or nothing of it, with `physical`', () => {
    const physical = (given: object) =>
      options
        .safeParse({ database: 'all', physical: true, ...given })
        .error?.issues.map(({ path, message }) => `${path.join('.')} ${message.split(' ').slice(0, 3).join(' ')}`);
    const unit = 'mariadb@shop.service';
    expect(physical({ host: '127.0.0.1', user: 'backup', datadir: '/srv/mysql', unit })).toBeUndefined();
    const given = { database: 'shop', host: 'db', container: 'db-1', grants: true, lock_tables: true };
    expect(physical({ ...given, dump_options: '--order-by-primary' })).toEqual([
      'database must be `all`',
      'host must be this',
      'container does not go',
      'grants is useless with',
      'lock_tables is useless with',
      'dump_options is useless with',
    ]);
    expect(physical({ unit: 'mariadb' })).toEqual(['unit must be the']);
    expect(complaints({ datadir: '/srv/mysql', unit })).toEqual([
      'counts only with `physical: true`',
      'counts only with `physical: true`',
    ]);
    expect(mysqlOptions.safeParse({ database: 'all', physical: true }).error?.issues[0]).toMatchObject({
      path: ['physical'],
      message: expect.stringContaining('only for `mariadb`'),
    });
  });
});
