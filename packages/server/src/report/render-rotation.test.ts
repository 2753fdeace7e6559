// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { renderRotation } from './render-rotation.ts';

const rotation = {
  host: 'web1',
  copy: undefined,
  file: '/etc/backup/web1.pass',
  source: '/etc/backup/restic.pass',
  oldKey: 'ab12cd34',
  configFile: '/etc/backup/server_config.yml',
  sharing: [],
  sameKey: [],
};

it('tells how the old password is retired, step by step', () => {
  expect(renderRotation(rotation)).toEqual([
    'The old one (key ab12cd34, from /etc/backup/restic.pass) still opens it too. Next:',
    '  1. In /etc/backup/server_config.yml, at the host web1:  restic_password_file: /etc/backup/web1.pass',
    '  2. backup-server check web1',
    '  3. backup-server key remove web1 ab12cd34',
    '  4. backup-server recovery-kit --to FILE   (older kits hold the old password)',
  ]);
});

it('names everything else that the old password opens', () => {
  const text = renderRotation({ ...rotation, sharing: ['web2', 'web1, copy offsite'] }).join(' ');
  expect(text.replace(/\s+/g, ' ')).toContain(
    '/etc/backup/restic.pass also opens: web2, web1, copy offsite. Leave the file as it is until all of them have been',
  );
});

it('of a copy, the key of the configuration and the command are other ones', () => {
  const lines = renderRotation({ ...rotation, copy: 'offsite' });
  expect(lines[1]).toContain('at the copy offsite:  password_file: /etc/backup/web1.pass');
  expect(lines).toContain('  3. backup-server key remove web1 ab12cd34 --copy offsite');
});

it('the password of a copy is that of all hosts, which come first', () => {
  const lines = renderRotation({ ...rotation, copy: 'offsite', sameKey: ['web2', 'web3'] });
  expect(lines.slice(1, 4)).toEqual([
    '  0. copy offsite has one password for all hosts, so first do the same for the others:',
    '     backup-server key rotate web2 --copy offsite --password-file /etc/backup/web1.pass',
    '     backup-server key rotate web3 --copy offsite --password-file /etc/backup/web1.pass',
  ]);
  expect(lines[4]).toMatch(/^ {2}1\. In /);
});
