// SPDX-License-Identifier: AGPL-3.0-or-later

/** What differs between the two task keys: they mean the same server, with programs of different names. */
export interface Flavour {
  /** The task's key. */
  readonly name: 'mariadb' | 'mysql';
  readonly title: string;
  /** Names of the program that dumps, the best first: MariaDB 11 has dropped the old ones, MySQL never had the new ones. */
  readonly dump: readonly string[];
  /** Names of the client, the best first. */
  readonly client: readonly string[];
  /** Debian package that brings both. */
  readonly clientPackage: string;
  /** Only for the dump program: what MySQL's writes by itself and what no other server takes. */
  readonly dumpArgs: readonly string[];
}

export const MARIADB: Flavour = {
  name: 'mariadb',
  title: 'MariaDB',
  dump: ['mariadb-dump', 'mysqldump'],
  client: ['mariadb', 'mysql'],
  clientPackage: 'mariadb-client',
  dumpArgs: [],
};

export const MYSQL: Flavour = {
  name: 'mysql',
  title: 'MySQL',
  dump: ['mysqldump', 'mariadb-dump'],
  client: ['mysql', 'mariadb'],
  clientPackage: 'default-mysql-client',
  // `loose`: MariaDB's program, which is also called mysqldump, does not know them.
  dumpArgs: ['--loose-set-gtid-purged=OFF', '--loose-column-statistics=0'],
};
