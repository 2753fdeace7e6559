// SPDX-License-Identifier: AGPL-3.0-or-later
import { appendFileSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

/** Whole seconds: what Node sets is what was there, to the nanosecond. */
const TIME = 1_700_000_000;

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab();
  mkdirSync(lab.at('data', 'sub'), { recursive: true });
  writeFileSync(lab.at('data', 'one.txt'), 'one\n');
  writeFileSync(lab.at('data', 'sub', 'two.txt'), 'two\n');
  utimesSync(lab.at('data', 'sub', 'two.txt'), TIME, TIME);
  lab.addService(
    'web/app',
    `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\ncommand: {run: date +%Y, stdout: year.txt}\n`,
  );
  await lab.init();
});

afterAll(() => lab.remove());

const newestHost = () => lab.records('server').at(-1)?.hosts[0];

describe('the main job, day by day', () => {
  it('first: from service.yaml to a snapshot, and the archive goes to done/', async () => {
    await expectCode(0, lab.client('backup'));
    const [archive = ''] = lab.archives();
    const { stdout } = await expectCode(0, lab.server('backup'));
    expect(stdout).toContain('Successful Hosts (1):');
    expect(newestHost()).toMatchObject({
      host: 'lab1',
      status: 'success',
      archive,
      services: [{ name: 'app', status: 'success' }],
    });
    expect(lab.archives()).toEqual([]);
    expect(lab.archives(join(lab.spool, 'done'))).toEqual([archive]);
    expect(lab.mails().at(-1)).toContain('Subject: [Backup Server]');
  });

  it('nothing new on the client: the host is skipped, the run succeeds', async () => {
    await expectCode(0, lab.client('backup'));
    await expectCode(0, lab.server('backup'));
    const archive = lab.archives(join(lab.spool, 'done'))[0] ?? '';
    for (const name of [archive, `${archive}.json`, `${archive}.entries.gz`]) {
      writeFileSync(join(lab.spool, name), readFileSync(join(lab.spool, 'done', name)));
    }
    await expectCode(0, lab.server('backup'));
    expect(newestHost()).toMatchObject({ status: 'skipped', skipped: 'SKIPPED_DUPLICATE' });
  });

  it('one file changed: restic stores that one, and both states can be restored', async () => {
    appendFileSync(lab.at('data', 'one.txt'), 'more\n');
    await expectCode(0, lab.client('backup'));
    await expectCode(0, lab.server('backup'));
    expect(newestHost()?.filesUnmodified).toBeGreaterThan(0);
    await expectCode(0, lab.server('restore', 'lab1', '--to', lab.at('restored')));
    const restored = join(lab.at('restored'), 'web/app/data', lab.at('data'), 'one.txt');
    expect(readFileSync(restored, 'utf8')).toBe('one\nmore\n');
    const { stdout } = await expectCode(0, lab.server('--json', 'snapshots', 'lab1'));
    const snapshots: { id: string }[] = JSON.parse(stdout).flatMap(
      (host: { snapshots: { id: string }[] }) => host.snapshots,
    );
    await expectCode(0, lab.server('restore', 'lab1', '--snapshot', snapshots[0]?.id ?? '', '--to', lab.at('first')));
    expect(readFileSync(join(lab.at('first'), 'web/app/data', lab.at('data'), 'one.txt'), 'utf8')).toBe('one\n');
  });

  it('a content that changed behind the same size and time is stored as it is now', async () => {
    const file = lab.at('data', 'sub', 'two.txt');
    writeFileSync(file, 'TWO\n');
    utimesSync(file, TIME, TIME);
    await expectCode(0, lab.client('backup'));
    await expectCode(0, lab.server('backup'));
    await expectCode(0, lab.server('restore', 'lab1', '--to', lab.at('disguised')));
    expect(readFileSync(join(lab.at('disguised'), 'web/app/data', file), 'utf8')).toBe('TWO\n');
  });
});
