// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { plugins as shipped } from '../../packages/client/src/plugins/index.ts';
import { runClient } from '../../packages/client/src/run-client.ts';
import { greeting } from '../fixtures/plugins/greeting/index.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';

/** A plugin is one folder plus one line: these are the lines. */
const plugins = [...shipped, greeting, switchPlugin];

let lab: ReturnType<typeof createClientLab>;

beforeEach(() => {
  lab = createClientLab();
  writeFileSync(lab.at('state-of-db'), 'on');
});

afterEach(() => lab.remove());

const run = (wanted: string[] = []) => runClient(lab.config, wanted, lab.ioWith(plugins));
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
    expect(second.services.find(({ name }) => name === 'db')?.messages[0]).toContain('could not be put back');
    expect(second.recovery.failed).toHaveLength(1);
    expect(lab.undoEntries()).toHaveLength(1);
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

it('refuses to run without any service', async () => {
  await expect(run()).rejects.toThrow(/There is no service to save/);
});
