// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { Plugin } from '../../packages/client/src/plugin.ts';
import type { Check, CopyContext, RestoreContext } from '../../packages/client/src/plugin-copy.ts';
import { createRun, type Run } from '../../packages/common/src/exec.ts';
import { fastDirectory } from './fast-directory.ts';
import { startMariadb, type TestMariadb } from './mariadb.ts';
import { copyContext, pluginContext, restoreContext } from './plugin-context.ts';

/** A server that runs as long as the tests of a file. */
export function createMariadbLab(plugin: Plugin): MariadbLab {
  return new MariadbLab(plugin, startMariadb);
}

type More = Partial<Parameters<typeof restoreContext>[1]>;

const quoted = (name: string) => `\`${name.replaceAll('`', '``')}\``;
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

/** A server for a test file, and directories for each of its tests. */
export class MariadbLab<Server extends TestMariadb = TestMariadb> {
  private started: Server | undefined;
  root = '';
  readonly plugin: Plugin;

  constructor(plugin: Plugin, start: () => Promise<Server>) {
    this.plugin = plugin;
    beforeAll(async () => {
      this.started = await start();
    }, 120_000);
    afterAll(() => this.started?.stop());
    beforeEach(() => {
      this.root = fastDirectory('mdt-');
      chmodSync(this.root, 0o755);
      for (const name of ['stage', 'scratch', 'kept']) this.emptied(name);
    });
    afterEach(() => {
      rmSync(this.root, { recursive: true, force: true });
      this.clear();
    });
  }

  get server(): Server {
    if (this.started === undefined) throw new Error('The server runs only inside of tests.');
    return this.started;
  }

  path(name: string): string {
    return join(this.root, name);
  }

  emptied(name: string): string {
    rmSync(this.path(name), { recursive: true, force: true });
    mkdirSync(this.path(name), { mode: 0o700 });
    return this.path(name);
  }

  create(name: string, content: string): void {
    const database = quoted(name);
    this.server.sql(
      `CREATE DATABASE ${database} CHARACTER SET utf8mb4 COLLATE utf8mb4_german2_ci;\nUSE ${database};\n${content}`,
    );
  }

  databases(): readonly string[] {
    const own = "'information_schema', 'performance_schema', 'sys', 'mysql'";
    return linesOf(
      this.server.sql(`SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN (${own})`),
    );
  }

  accounts(): readonly string[] {
    const text =
      "CONCAT(IF(is_role = 'Y', 'ROLE ', 'USER '), '`', User, '`', IF(is_role = 'Y', '', CONCAT('@`', Host, '`')))";
    return linesOf(
      this.server.sql(`SELECT ${text} FROM mysql.user WHERE User NOT IN ('root', 'mariadb.sys', 'mysql') ORDER BY 1`),
    );
  }

  /** All that is in the databases of the server, as text. */
  state(): readonly string[] {
    return this.databases().map((name) => `${name}\n${this.server.dump(name)}`);
  }

  /** A physical task is always about the server of the test, also where that does not run: never about the one of this machine. */
  options(more: object): object {
    if (!('physical' in more)) return { socket: this.server.socket, ...more };
    if (this.server.own === undefined) throw new Error('This server has no unit: nothing physical is done to it.');
    const { datadir, unit } = { ...this.server.own, ...more };
    const isOurs = [this.root, this.server.directory].some((directory) => datadir.startsWith(`${directory}/`));
    if (!isOurs || unit === 'mariadb.service') throw new Error(`${unit} with ${datadir} is none of this test's.`);
    return { socket: this.server.socket, ...this.server.own, ...more };
  }

  save(options: object, more: More = {}) {
    const context = pluginContext(this.plugin, { ...more, options: this.options(options), stage: this.path('stage') });
    return this.plugin.run(context);
  }

  /** The stage of {@link save} is the copy. */
  async verify(options: object, level: CopyContext['level'], more: More = {}): Promise<readonly Check[]> {
    const places = { copy: this.path('stage'), scratch: this.emptied('scratch') };
    const exec = this.rememberingInstall();
    const context = copyContext(this.plugin, { exec, ...more, options: this.options(options), ...places, level });
    return (await this.plugin.verify?.(context)) ?? [];
  }

  restoring(options: object, more: More = {}): RestoreContext {
    const places = { copy: this.path('stage'), scratch: this.path('scratch'), kept: this.path('kept') };
    return restoreContext(this.plugin, { ...more, options: this.options(options), ...places });
  }

  /** What was installed for the first throw-away server is copied for the others. */
  private rememberingInstall(): Run {
    const run = createRun({ scrub: (text) => text });
    const made = join(this.server.directory, 'throw-away');
    return async (program, args, options) => {
      const data = args.find((word) => word.startsWith('--datadir='))?.slice('--datadir='.length);
      if (program !== 'mariadb-install-db' || data === undefined) return run(program, args, options);
      if (!existsSync(made)) {
        const result = await run(program, args, options);
        execFileSync('cp', ['-a', '--reflink=auto', '--sparse=always', data, made]);
        return result;
      }
      execFileSync('cp', ['-a', '--reflink=auto', '--sparse=always', `${made}/.`, data]);
      return { exitCode: 0, stdout: '', stderr: '', truncated: false };
    };
  }

  private clear(): void {
    const databases = this.databases().map((name) => `DROP DATABASE ${quoted(name)}`);
    const accounts = this.accounts().map((account) => `DROP ${account}`);
    if (databases.length + accounts.length > 0) this.server.sql([...databases, ...accounts].join(';\n'));
  }
}
