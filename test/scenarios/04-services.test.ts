// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab();
  lab.addService('web/app', 'service: {name: app}\ncommand: {run: date, stdout: date.txt}\n');
});

afterAll(() => lab.remove());

describe('services', () => {
  it('a bad service.yaml beside a good one: the good one is archived, the bad one is in mail, record and exit code', async () => {
    lab.addService('web/bad', 'service: {name: bad}\nfiles: {paths: [relative], excludes: [a]}\ncomand: {run: date}\n');
    const { stderr } = await expectCode(1, lab.client('backup'));
    const file = lab.at('services/web/bad/service.yaml');
    expect(stderr).toContain(`3 mistakes in ${file}:`);
    expect(stderr).toContain(
      `${file}:2:17: files.paths[0]: must be an absolute path, starting with \`/\`, but is "relative"`,
    );
    expect(stderr).toContain(`${file}:3:1: comand: No plugin found`);
    expect(stderr).toMatch(/ERROR: Failed: web\/bad\. Published in spite of that: lab1-\d{8}_\d{6}\.tar\.gz\.\n$/);
    const [archive = ''] = lab.archives();
    expect(lab.records('client').at(-1)?.hosts[0]).toMatchObject({
      status: 'failed',
      archive,
      services: [
        { name: 'app', status: 'success' },
        { name: 'bad', status: 'failed' },
      ],
    });
    const [mail] = await lab.takeMails();
    expect(mail?.subject).toBe('[Backup Error] lab1 - Backup FAILED (Code: 1)');
    expect(mail?.text).toContain('Services that failed (1):\n  web/bad\n');
    expect(mail?.text).toContain('files.excludes: unknown key. Did you mean `exclude`?');
    const { stdout } = await expectCode(2, lab.client('check'));
    expect(stdout).toMatch(/^ok +web\/app +command( |$)/m);
    expect(stdout).toMatch(/^FAILED +web\/bad$/m);
  });

  it('not one: nothing is published, and it is said where services are looked for', async () => {
    await lab.takeMails();
    const before = lab.archives();
    lab.write(lab.clientConfig, readFileSync(lab.clientConfig, 'utf8').replace('/services', '/none'));
    const missing = await expectCode(2, lab.client('backup'));
    expect(missing.stderr).toContain(`${lab.at('none')} does not exist. Create it, or correct \`service_dir\`.`);
    mkdirSync(lab.at('none'));
    const { stderr } = await expectCode(2, lab.client('backup'));
    expect(stderr).toContain(`There is no service to save: no ${lab.at('none')}/<type>/<name>/service.yaml.`);
    expect(stderr).toContain('backup-client config sample service.yaml');
    expect(lab.archives()).toEqual(before);
    expect(lab.records('client').at(-1)).toMatchObject({ status: 'failed', hosts: [] });
    expect((await lab.takeMails()).map((mail) => mail.subject)).toEqual(
      Array(2).fill('[Backup Error] lab1 - Backup FAILED (Code: 2)'),
    );
  });
});
