// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetService } from '../../packages/client/src/recover.ts';
import { greeting } from '../fixtures/plugins/greeting/index.ts';
import { switchPlugin } from '../fixtures/plugins/switch/index.ts';
import { createClientLab } from '../helpers/client-lab.ts';

const plugins = [greeting, switchPlugin];

let lab: ReturnType<typeof createClientLab>;

beforeEach(() => {
  lab = createClientLab();
  writeFileSync(lab.at('state-of-db'), 'off');
  mkdirSync(lab.at('state', 'undo'), { recursive: true });
  lab.addService('demo/db', `service: {name: db}\nswitch: {state: ${lab.at('state-of-db')}}\n`);
  lab.addService('demo/hello', 'service: {name: hello}\ngreeting: {}\n');
});

afterEach(() => lab.remove());

describe.each(['task+demo+db+switch.json', 'restore+demo+db.json'])('an undo entry that cannot be read: %s', (name) => {
  it('keeps its service from being touched, until somebody says that it is put back', async () => {
    writeFileSync(lab.at('state', 'undo', name), '{"kind": "task", "written by": "a version to come"}');
    const { services } = await lab.run(plugins);
    const [db] = services.filter((service) => service.name === 'db');
    expect(db?.status).toBe('failed');
    expect(db?.messages[0]).toContain(name);
    expect(services.find((service) => service.name === 'hello')?.status).toBe('success');
    expect(lab.undoEntries()).toEqual([name]);
    writeFileSync(lab.at('state-of-db'), 'on');
    expect(await forgetService('demo/db', lab.ioWith(plugins))).toBe(1);
    expect((await lab.run(plugins)).manifest?.status).toBe('success');
    expect(readFileSync(lab.at('state-of-db'), 'utf8')).toBe('on');
  });
});
