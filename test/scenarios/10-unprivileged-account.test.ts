// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

/** Of every Debian: an account without a shell, as the one that an admin makes for the server. */
const ACCOUNT = 'backup';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab({ sshd: { user: ACCOUNT } });
  chmodSync(lab.root, 0o755);
  const config = readFileSync(lab.clientConfig, 'utf8').replaceAll(
    /(backup_user|backup_group): root/g,
    `$1: ${ACCOUNT}`,
  );
  lab.write(lab.clientConfig, config);
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data', 'one.txt'), 'one\n');
  lab.addService('web/app', `service: {name: app}\nfiles: {paths: [${lab.at('data')}]}\n`);
  await lab.init();
});

afterAll(() => lab.remove());

describe('the server logs in with an account that may do nothing but SFTP', () => {
  it('and fetches, and moves stored archives to done/, run after run', async () => {
    for (const text of ['one\n', 'two\n']) {
      writeFileSync(lab.at('data', 'one.txt'), text);
      await expectCode(0, lab.client('backup'));
      await expectCode(0, lab.server('backup'));
      expect(lab.archives()).toEqual([]);
      expect(lab.archives(join(lab.spool, 'done'))).toHaveLength(1);
    }
    expect(lab.snapshots()).toHaveLength(2);
    expect(lab.records('server').flatMap(({ hosts }) => hosts.flatMap(({ steps }) => steps))).not.toContainEqual(
      expect.objectContaining({ status: 'warning' }),
    );
  });

  it('to which archives belong, while the spool stays root’s', () => {
    const [archive = ''] = lab.archives(join(lab.spool, 'done'));
    const owner = statSync(join(lab.spool, 'done', archive));
    expect([owner.uid, owner.mode & 0o7777]).toEqual([34, 0o640]);
    const spool = statSync(lab.spool);
    expect([spool.uid, spool.gid, spool.mode & 0o7777]).toEqual([0, 34, 0o3770]);
  });
});
