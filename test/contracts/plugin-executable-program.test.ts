// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFile, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createPluginDirectory, exampleFile } from '../helpers/own-plugins.ts';
import { descendantsOf, signalAll } from '../helpers/process-tree.ts';
import { bundleOf } from '../helpers/system-lab.ts';

/** `node scripts/build.mjs` makes it, and npm test does that before. */
const program = bundleOf('client');
let lab: ReturnType<typeof createPluginDirectory>;
const at = (...names: string[]) => join(lab.root, ...names);

/** What a killed client leaves in its temporary directory goes with the lab. */
const environment = () => ({ ...process.env, TMPDIR: at('tmp') });

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function client(...args: string[]): Promise<Ended> {
  const words = [program, '-c', at('client_config.yml'), ...args];
  return new Promise((settle) => {
    execFile(process.execPath, words, { env: environment() }, (error, stdout, stderr) => {
      settle({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

function write(path: string, text: string): void {
  mkdirSync(dirname(at(path)), { recursive: true, mode: 0o700 });
  writeFileSync(at(path), text, { mode: 0o600 });
}

/** @param plugins directory with as few as it takes: each command asks all of them what they are */
function writeConfig(extra = '', plugins = lab.directory): void {
  write(
    'client_config.yml',
    `base_backup_dir: ${at('spool')}\nbackup_user: root\nbackup_group: root\nadmin_email: admin@example.org\nkeep_days: 7
hostname: lab1\nservice_dir: ${at('services')}\nstate_dir: ${at('state')}\nlock_dir: ${at('state')}
plugin_dir: ${plugins}\nmin_free_space_mb: 1\ntools: {yq_cmd: no-yq-here, msmtp_cmd: "true"}\n${extra}`,
  );
}

beforeAll(() => {
  lab = createPluginDirectory();
  mkdirSync(at('tmp'), { mode: 0o700 });
  for (const name of ['bookstack.sh', 'mailstore.sh']) {
    const source = new URL(`../fixtures/shell-plugins/${name}`, import.meta.url);
    lab.add(name, readFileSync(source, 'utf8'));
  }
  copyFileSync(exampleFile('wiki.sh'), join(lab.directory, 'wiki.sh'));
  // Stops the service, and stands still until it may go on.
  const wait = `for turn in $(seq 1200); do [ -e ${at('gate')} ] || break; sleep 0.05; done`;
  lab.add(
    '../gates/gated',
    `#!/bin/sh\ncase $1 in
prepare) echo down > ${at('gated')}; echo stopped > "$BACKUP_STATE"; touch ${at('begun')}; ${wait} ;;
run) echo data > file ;;
post) [ "$(cat "$BACKUP_STATE")" != stopped ] || echo up > ${at('gated')} ;;
*) exit 64 ;;
esac\n`,
  );
  lab.add(
    '../gates/shgated.sh',
    `plugin_handles_task_type() { echo shgated; }
plugin_validate_config() { :; }
plugin_prepare_backup() { mkdir -p "$2/.state"; echo ${at('shgated')} > "$2/.state/down"; echo down > ${at('shgated')}; touch ${at('begun')}; ${wait}; }
plugin_run_backup() { echo data > "$2/shgated"; }
plugin_emergency_cleanup() { [ ! -f "$1/.state/down" ] || { echo up > "$(cat "$1/.state/down")" && rm "$1/.state/down"; }; }\n`,
  );
});
afterAll(() => lab.remove());

beforeEach(() => {
  for (const name of ['services', 'spool', 'state', 'app', 'wiki', 'begun', 'gate'])
    rmSync(at(name), { recursive: true, force: true });
  write('app/uploads/picture', 'pixels');
  write('app/online', '');
  write('wiki/pages/Start', 'Welcome');
  write('gated', 'up\n');
  write('shgated', 'up\n');
  writeConfig();
});

const archive = () => readdirSync(at('spool')).filter((name) => name.endsWith('.tar.gz'));
const membersOf = (name: string) =>
  execFileSync('tar', ['-tzf', at('spool', name)], { encoding: 'utf8' })
    .trim()
    .split('\n');

describe('a backup', () => {
  it('saves with plugins of both kinds, as they are; what they keep for themselves is not in the archive', async () => {
    write(
      'services/web/shop/service.yaml',
      `service: {name: shop}
wiki: {directory: ${at('wiki')}}
bookstack: {app_dir: ${at('app')}}
mailstore:
  paths: [${at('app/uploads')}]
  owner: "Ann: 'A'"
`,
    );
    const { code, stderr } = await client('backup');
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const [name = ''] = archive();
    const members = membersOf(name).filter((member) => /^web\/shop\/.*[^/]$/.test(member));
    expect(members.sort()).toEqual(
      [
        ...['bookstack/uploads/picture', 'config_used/service.yaml', 'data/owner', 'data/service.yaml'],
        ...['data/uploads/picture', 'wiki/checksums', 'wiki/pages/Start'],
      ].map((member) => `web/shop/${member}`),
    );
    const manifest = JSON.parse(readFileSync(at('spool', `${name}.json`), 'utf8'));
    expect(manifest.services[0].tasks.map(({ plugin }: { plugin: string }) => plugin)).toEqual(
      expect.arrayContaining(['wiki', 'bookstack', 'mailstore']),
    );
    expect(existsSync(at('app', 'online'))).toBe(true);
    expect(readdirSync(at('wiki'))).toEqual(['pages']);
  });

  it.each([
    ['gated', ['recover', 'backup']],
    ['shgated', ['recover without configuration']],
  ])('killed in prepare of %s: what was stopped is started by the next command, %s', async (task, ways) => {
    writeConfig('', at('gates'));
    write('services/web/shop/service.yaml', `service: {name: shop}\n${task}: {}\n`);
    for (const how of ways) {
      rmSync(at('begun'), { force: true });
      writeFileSync(at('gate'), '');
      const words = [program, '-c', at('client_config.yml'), 'backup'];
      const child = spawn(process.execPath, words, { stdio: 'ignore', env: environment() });
      const ended = new Promise((settle) => child.once('exit', settle));
      await expect.poll(() => existsSync(at('begun')), { timeout: 60_000 }).toBe(true);
      const { pid = 0 } = child;
      signalAll([pid, ...descendantsOf(pid)], 'SIGKILL');
      await ended;
      expect(readFileSync(at(task), 'utf8')).toBe('down\n');
      rmSync(at('gate'));
      if (how === 'recover without configuration') writeConfig('no_such_key: 1\n', at('gates'));
      await client(how === 'backup' ? 'backup' : 'recover');
      expect(readFileSync(at(task), 'utf8'), how).toBe('up\n');
    }
  });
});

describe('backup-client plugin', () => {
  it('starts no plugin for a command that needs none', async () => {
    lab.add('../told/told', `#!/bin/sh\necho "$1" >> ${at('stages')}\nexit 64\n`);
    writeConfig('', at('told'));
    mkdirSync(at('spool'));
    const commands = [
      ['list'],
      ['config', 'show'],
      ['restore', '--list-kept'],
      ['verify', 'lab1-20260101_000000.tar.gz'],
    ];
    const codes = await Promise.all(commands.map(async (words) => (await client(...words)).code));
    // There is no such archive.
    expect(codes).toEqual([0, 0, 0, 1]);
    expect(existsSync(at('stages'))).toBe(false);
    await client('plugin', 'list');
    expect(readFileSync(at('stages'), 'utf8')).toBe('describe\n');
  });

  it('list shows what can be named, and what is not used', async () => {
    lab.add('files', '#!/bin/sh\nexit 64\n');
    const { code, stdout } = await client('plugin', 'list');
    rmSync(join(lab.directory, 'files'));
    expect(code).toBe(0);
    expect(stdout).toMatch(/^files +built in {3}/m);
    expect(stdout).toMatch(/^wiki +executable +Pages of a wiki/m);
    expect(stdout).toMatch(/^bookstack +shell +Plugin of the shell version: bookstack\.sh$/m);
    expect(stdout).toMatch(/^warning: .*files is not used for `files`: backup-client has/m);
  });

  it('test holds a plugin to the contract, with the options of a service.yaml', async () => {
    write('options.yaml', `service: {name: shop}\nwiki: {directory: ${at('wiki')}}\n`);
    const { code, stdout } = await client(
      ...['plugin', 'test', '--restore'],
      join(lab.directory, 'wiki.sh'),
      '-o',
      at('options.yaml'),
    );
    expect(code).toBe(0);
    expect(stdout).toContain('prepare and post are really called');
    expect(stdout.match(/^ok /gm)).toHaveLength(8);
    expect(stdout).toMatch(/Everything is as a run needs it\.\n$/);
  });

  it('test tells what is wrong, and ends with 1', async () => {
    const file = lab.add(
      'blind',
      `#!/bin/sh\ncase $1 in
prepare) echo stopped > ${at('gated')} ;;
run) echo data > file ;;
verify) echo '{"check": {"name": "file", "status": "ok"}}' ;;
restore-plan) echo '{"stop": "x"}' ;;
*) exit 64 ;;
esac\n`,
    );
    const { code, stdout, stderr } = await client('plugin', 'test', file);
    rmSync(file);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^FAILED +restore-plan tells .*\n.*line 1 of its output: no key of the protocol: stop/m);
    expect(stdout).toMatch(/^FAILED +verify finds out .*\n.*all files were empty, and verify found nothing wrong$/m);
    expect(stderr).toContain('2 rule(s) of the contract are not kept.');
  });

  it('test starts again what a prepare that fails has stopped, also where it is ended by Ctrl-C', async () => {
    const cases = (prepare: string) => `#!/bin/sh\ncase $1 in
describe) exit 64 ;;
prepare) echo stopped > "$BACKUP_STATE"; echo down > ${at('gated')}; ${prepare} ;;
run) echo data > file ;;
post) [ "$(cat "$BACKUP_STATE")" != stopped ] || echo up > ${at('gated')} ;;
*) exit 64 ;;
esac\n`;
    const file = lab.add('halfway', cases('exit 1'));
    expect((await client('plugin', 'test', file)).code).toBe(1);
    expect(readFileSync(at('gated'), 'utf8')).toBe('up\n');
    lab.add('halfway', cases(`touch ${at('begun')}; sleep 60`));
    const child = spawn(process.execPath, [program, 'plugin', 'test', file], { stdio: 'ignore', env: environment() });
    const ended = new Promise((settle) => child.once('exit', settle));
    await expect.poll(() => existsSync(at('begun')), { timeout: 60_000 }).toBe(true);
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(readFileSync(at('gated'), 'utf8')).toBe('up\n');
    rmSync(file);
  });

  it('test calls nothing but validate where that finds something wrong', async () => {
    const file = lab.add(
      'careful',
      `#!/bin/sh\n[ "$1" != describe ] || exit 64\n[ "$1" = validate ] || touch ${at('called')}\nexit 1\n`,
    );
    const { code, stdout } = await client('plugin', 'test', file);
    rmSync(file);
    expect(code).toBe(1);
    expect(stdout).toContain('careful failed with exit code 1');
    expect(existsSync(at('called'))).toBe(false);
  });
});
