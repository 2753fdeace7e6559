// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { discoverServices } from '../../packages/client/src/discover.ts';
import { definePlugin } from '../../packages/client/src/plugin.ts';
import { plugins as shipped } from '../../packages/client/src/plugins/index.ts';
import { ensureSpool } from '../../packages/client/src/publish.ts';
import { recover } from '../../packages/client/src/recover.ts';
import { bytePathOfText } from '../../packages/common/src/byte-path.ts';
import { greeting } from '../fixtures/plugins/greeting/index.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';

/** A plugin is one folder plus one line: these are the lines. */
const plugins = [...shipped, greeting, switchPlugin];

/** Hands paths over as they are, also those that the `files` plugin would refuse. */
const tree = definePlugin<{ paths: string[] }>({
  name: 'tree',
  summary: 'Saves any paths.',
  options: z.strictObject({ paths: z.array(z.string()).describe('Relative to the root.') }),
  async run({ options }) {
    const paths = options.paths.map(bytePathOfText);
    return { trees: [{ into: 'data', root: '/', paths, exclude: [], oneFileSystem: false }] };
  },
});

let lab: ReturnType<typeof createClientLab>;

beforeEach(() => {
  lab = createClientLab();
  writeFileSync(lab.at('state-of-db'), 'on');
});

afterEach(() => lab.remove());

const run = (wanted: string[] = []) => lab.run(plugins, wanted);
const database = (more = '') => `service: {name: db}\nswitch: {state: ${lab.at('state-of-db')}${more}}\n`;
const stateOfDatabase = () => readFileSync(lab.at('state-of-db'), 'utf8');
const statusOf = (result: Awaited<ReturnType<typeof run>>) =>
  Object.fromEntries(result.services.map((service) => [service.name, service.status]));

describe('a run of the client', () => {
  it('saves what plugins of one folder each hand over', async () => {
    lab.addService('demo/db', database());
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {to: admin}\n');
    const { manifest } = await run();
    const archive = lab.published()[0] ?? '';
    expect(manifest?.status).toBe('success');
    expect(lab.contentOf(archive, 'demo/hello/greeting.txt')).toBe('Hello, admin!\n');
    expect(lab.contentOf(archive, 'demo/db/seen.txt')).toBe('off');
    expect(lab.contentOf(archive, 'demo/db/config_used/service.yaml')).toBe(database());
    expect(lab.manifestOf(archive).services[0]?.tasks[0]?.facts).toEqual({ engine: '1.0' });
    expect(stateOfDatabase()).toBe('on');
    expect(lab.undoEntries()).toEqual([]);
  });

  it('publishes archive, entry list and manifest, and leaves nothing else in the spool', async () => {
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    await run();
    const archive = lab.published()[0] ?? '';
    expect(readdirSync(lab.spool).sort()).toEqual([archive, `${archive}.entries.gz`, `${archive}.json`]);
  });

  it('makes a warning of a plugin a warning of the service', async () => {
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {to: nobody}\n');
    expect((await run()).services[0]).toMatchObject({
      status: 'warning',
      tasks: [{ messages: ['Nobody was greeted.'] }],
    });
  });

  it('never reads the spool into the archive', async () => {
    writeFileSync(lab.at('spool', 'lab1-20200101_000000.tar.gz'), 'an archive of the shell client');
    lab.addService('demo/all', `service: {name: all}\nfiles: {paths: [${lab.root}], exclude: [state/]}\n`);
    await run();
    const archive = lab.published().at(-1) ?? '';
    expect(() => lab.contentOf(archive, `demo/all/data${lab.root}/spool/lab1-20200101_000000.tar.gz`)).toThrow();
    expect(lab.contentOf(archive, `demo/all/data${lab.root}/state-of-db`)).toBe('on');
  });
});

describe('a service that fails', () => {
  it.each(['prepare', 'run'])('in %s is put back, and the others are saved', async (stage) => {
    lab.addService('demo/a-db', database(`, fail: ${stage}`));
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    const result = await run();
    expect(statusOf(result)).toEqual({ db: 'failed', hello: 'success' });
    expect(result.manifest?.status).toBe('failed');
    expect(result.services[0]?.tasks[0]?.messages[0]).toContain(`${stage}: `);
    expect(stateOfDatabase()).toBe('on');
    expect(lab.undoEntries()).toEqual([]);
  });

  it('in validate is found before any other service is touched, and is not touched itself', async () => {
    lab.addService('demo/a-db', database());
    lab.addService('demo/b-db', database(', fail: validate').replace('name: db', 'name: other'));
    const result = await run();
    expect(statusOf(result)).toEqual({ db: 'success', other: 'failed' });
  });

  it('in post keeps its entry in the undo journal, and is not touched by the next run', async () => {
    lab.addService('demo/a-db', database(', fail: post'));
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    expect(statusOf(await run())).toEqual({ db: 'failed', hello: 'success' });
    expect(stateOfDatabase()).toBe('off');
    expect(lab.undoEntries()).toHaveLength(1);
    const second = await run();
    expect(second.services.find(({ name }) => name === 'db')?.messages[0]).toContain('could not put it back');
    expect(second.recovery.failed).toHaveLength(1);
    expect(lab.undoEntries()).toHaveLength(1);
  });

  it('in one task leaves the others of the service their turn', async () => {
    lab.addService('demo/db', `${database(', fail: run')}files: {paths: [${lab.at('state-of-db')}]}\n`);
    const { services, manifest } = await run();
    expect(services[0]?.tasks.map(({ plugin, status }) => [plugin, status])).toEqual([
      ['switch', 'failed'],
      ['files', 'success'],
    ]);
    expect(lab.contentOf(manifest?.archive ?? '', `demo/db/data${lab.at('state-of-db')}`)).toBe('off');
  });

  it('in prepare says of the other tasks that they were not run', async () => {
    lab.addService('demo/a-db', `${database(', fail: prepare')}greeting: {}\n`);
    const { services } = await run();
    expect(services[0]?.tasks[1]).toMatchObject({ plugin: 'greeting', status: 'skipped' });
    expect(services[0]?.tasks[1]?.messages[0]).toContain('Not run');
  });

  it('half-way is published with what could be read, and the unreadable file is named', async () => {
    const odd = '/proc/sys/vm/compact_memory';
    writeFileSync(lab.at('readable'), 'worth saving\n');
    mkdirSync(lab.at('data'));
    symlinkSync(odd, lab.at('data', 'link'));
    lab.addService(
      'demo/all',
      `service: {name: all}\ntree: {paths: [${lab.at('readable').slice(1)}, ${odd.slice(1)}]}\n`,
    );
    const result = await lab.run([...plugins, tree]);
    expect(result.services[0]).toMatchObject({ status: 'failed' });
    expect(result.services[0]?.tasks[0]?.messages.join()).toContain(odd);
    expect(lab.contentOf(result.manifest?.archive ?? '', `demo/all/data${lab.at('readable')}`)).toBe('worth saving\n');
  });

  it('alone publishes nothing', async () => {
    lab.addService('demo/db', database(', fail: run'));
    expect((await run()).manifest).toBeUndefined();
    expect(readdirSync(lab.spool)).toEqual([]);
  });
});

describe('a run after one that was killed', () => {
  it('puts the service back before it begins, with what prepare had remembered', async () => {
    const entry = {
      service: { name: 'db', type: 'demo', configDirectory: lab.root },
      task: 'switch',
      plugin: 'switch',
    };
    const options = { state: lab.at('state-of-db') };
    await lab.ioWith(plugins).journal.write({ kind: 'task', ...entry, options, memo: { was: 'on' } });
    writeFileSync(lab.at('state-of-db'), 'off');
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    const result = await run();
    expect(result.recovery.undone).toEqual(['what switch did to demo/db']);
    expect(stateOfDatabase()).toBe('on');
    expect(lab.undoEntries()).toEqual([]);
  });

  it('tries again with the service.yaml as it is now, when the one of then was wrong', async () => {
    lab.addService('demo/a-db', database(', fail: post'));
    await run();
    expect(stateOfDatabase()).toBe('off');
    lab.addService('demo/a-db', database());
    const { services } = await discoverServices(lab.config.serviceDir, plugins);
    expect((await recover({ ...lab.ioWith(plugins), services })).failed).toEqual([]);
    expect(stateOfDatabase()).toBe('on');
    expect(lab.undoEntries()).toEqual([]);
  });

  it('undoes what it can although an entry of the journal is damaged', async () => {
    lab.addService('demo/a-db', database(', fail: post'));
    await run();
    writeFileSync(lab.at('state', 'undo', 'task+aaa+broken+x.json'), '{');
    lab.addService('demo/a-db', database());
    const { services } = await discoverServices(lab.config.serviceDir, plugins);
    const { undone, failed } = await recover({ ...lab.ioWith(plugins), services });
    expect([undone.length, failed.length]).toEqual([1, 1]);
    expect(failed[0]?.message).toContain('task+aaa+broken+x.json');
    expect(stateOfDatabase()).toBe('on');
  });

  it('sweeps what was left of an undo entry that was being written', async () => {
    mkdirSync(lab.at('state', 'undo'), { recursive: true });
    writeFileSync(lab.at('state', 'undo', '.task+web+app+command.json.f8ac1fce1222.tmp'), '{"kind"');
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    expect((await run()).recovery.failed).toEqual([]);
    expect(lab.undoEntries()).toEqual([]);
  });

  it('sweeps work directories, partial files and archives that were never published', async () => {
    mkdirSync(lab.at('spool', 'backup.backup-client.a1b2c3'));
    for (const name of ['.lab1-20261120_030000.tar.gz.partial', 'lab1-20261119_030000.tar.gz.entries.gz']) {
      writeFileSync(lab.at('spool', name), 'left');
    }
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    await run();
    expect(readdirSync(lab.spool)).toHaveLength(3);
  });
});

describe('choosing services', () => {
  beforeEach(() => {
    lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
    lab.addService('demo/bye', 'service: {name: bye}\ngreeting: {}\n');
  });

  it('saves the named ones and tells in the manifest which were left out', async () => {
    expect(statusOf(await run(['hello']))).toEqual({ hello: 'success', bye: 'skipped' });
  });

  it('refuses a name that there is not, and says which there are', async () => {
    await expect(run(['helo'])).rejects.toThrow(
      /There is no service helo\. Did you mean `hello`\?[\s\S]*demo\/bye, demo\/hello/,
    );
  });
});

describe('a spool that the account of the server has tampered with', () => {
  it('never gives away what a link in place of done/ points to', async () => {
    mkdirSync(lab.at('victim'), { mode: 0o700 });
    symlinkSync(lab.at('victim'), lab.at('spool', 'done'));
    const owner = { uid: 65534, gid: 65534 };
    await expect(ensureSpool(lab.spool, owner, lab.ioWith(plugins).log)).rejects.toThrow(/done is not a directory/);
    expect(statSync(lab.at('victim'))).toMatchObject({ uid: 0, gid: 0 });
    expect(statSync(lab.at('victim')).mode & 0o7777).toBe(0o700);
  });

  it('is sticky: nobody but root can replace what root is writing', async () => {
    await ensureSpool(lab.at('a', 'b', 'spool'), { uid: 65534, gid: 65534 }, lab.ioWith(plugins).log);
    expect(statSync(lab.at('a', 'b', 'spool')).mode & 0o7777).toBe(0o3770);
    expect(statSync(lab.at('a', 'b')).mode & 0o7777).toBe(0o755);
  });
});

it('refuses to run without any service', async () => {
  await expect(run()).rejects.toThrow(/There is no service to save/);
});
