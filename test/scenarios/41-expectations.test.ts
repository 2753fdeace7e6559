// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  writeFileSync(lab.at('state'), 'running\n');
  await lab.init();
});

afterAll(() => lab.remove());

/** A shop that is closed while it is saved, and a dump of so many lines. */
function haveShop(lines: number): void {
  const write = (word: string) => `[sh, -c, 'echo ${word} > ${lab.at('state')}']`;
  lab.addService(
    'web/shop',
    [
      'service: {name: shop}',
      `hooks: {before: ${write('closed')}, after: ${write('running')}}`,
      `files: {paths: [${lab.at('state')}], expect: {must_contain: [${lab.at('state')}]}}`,
      `command: {run: 'seq ${lines}', stdout: dump.sql, expect: {max_shrink: 30%, must_contain: [dump.sql]}}`,
      '',
    ].join('\n'),
  );
}

describe('a service with hooks and expectations', () => {
  it('is saved while it stands still, and everybody is told for how long', async () => {
    haveShop(1000);
    await expectCode(0, lab.client('backup'));
    expect(readFileSync(lab.at('state'), 'utf8')).toBe('running\n');
    const { stdout } = await expectCode(0, lab.server('backup'));
    expect(stdout).toMatch(/stopped meanwhile: web\/shop [\d.]+ s/);
    await expectCode(0, lab.server('restore', 'lab1', '--to', lab.at('restored')));
    expect(readFileSync(join(lab.at('restored'), 'web/shop/data', lab.at('state')), 'utf8')).toBe('closed\n');
  });

  it('that has become too small goes out, and exit code, mail and the server say so', async () => {
    await lab.takeMails();
    haveShop(300);
    const { stderr } = await expectCode(1, lab.client('backup'));
    expect(stderr).toContain('expect: max_shrink: expected at most 30% less than the 3.8 KiB of the last archive');
    const [mail] = await lab.takeMails();
    expect(mail?.text).toMatch(/web\/shop\n.*command: expect: max_shrink: /);
    const { stdout } = await expectCode(1, lab.server('backup'));
    expect(stdout).toMatch(/service web\/shop failed on the client: command: expect: max_shrink/);
    expect(readFileSync(lab.at('state'), 'utf8')).toBe('running\n');
  });
});
