// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import type { Check } from './plugin-copy.ts';
import { renderKept, renderRestored, renderRestorePlan } from './render-restore.ts';
import { orderStages } from './restore/order.ts';

const check = (name: string, status: Check['status'], message: string): Check => ({ name, status, message });

describe('the plan of a restore', () => {
  it('shows every step in its order, and what is not done', () => {
    const text = renderRestorePlan({
      service: 'web/shop',
      as: undefined,
      source: '/spool/restore/x.tar (as asked)',
      notes: ['service.yaml: /etc/backup/web/shop/service.yaml'],
      tasks: [
        {
          task: 'docker',
          steps: [
            { action: 'stop', what: 'app' },
            { action: 'start', what: 'app' },
          ],
          late: false,
          verifies: true,
        },
        {
          task: 'files',
          steps: [
            { action: 'replace', what: '/srv/a\nb' },
            { action: 'note', what: 'c stays' },
          ],
          late: false,
          verifies: true,
        },
        { task: 'command', steps: undefined, late: false, verifies: false },
        { task: 'postgresql', steps: [{ action: 'load', what: 'database shop' }], late: true, verifies: false },
      ],
      checks: [
        {
          task: 'files',
          checks: [
            { name: 'a', status: 'ok', message: '' },
            { name: 'b', status: 'skipped', message: 'install x' },
          ],
        },
      ],
      stages: orderStages([{ number: 20, name: '20label', file: '/x' }], true),
      kept: '/state/restores/one',
    });
    expect(text).toBe(`Restore of web/shop, in place, from /spool/restore/x.tar (as asked)
  service.yaml: /etc/backup/web/shop/service.yaml
  checked: files: 1 of 2 checks of the copy are fine
    not looked at: b: install x
05 stop
   docker: stop app
10 restore
   files: replace /srv/a\\nb
   files: c stays
   command: nothing is put back by itself; see "How to put it back by hand" in its page, /usr/share/doc/backup-client/plugins/
20 20label of restore.d
80 start
   docker: start app
80 load, into what runs in containers
   postgresql: load database shop
80 verify what runs again; where it is not what was put back, the old state is put back
   docker
   files
   postgresql: not looked at, its plugin cannot
What is replaced is kept in /state/restores/one until you remove it.
`);
  });
});

describe('what is told at the end', () => {
  it('names what is kept, what is left to do, and how to clean up', () => {
    const text = renderRestored({
      service: 'web/shop',
      warnings: ['files: odd'],
      proofs: [
        { task: 'docker', checks: [check('app', 'ok', 'runs'), check('db', 'skipped', 'no health check')] },
        { task: 'files', checks: [] },
        { task: 'many', checks: [1, 2, 3, 4, 5, 6, 7].map((each) => check(`${each}`, 'ok', 'well')) },
      ],
      replaced: ['files'],
      kept: '/state/restores/one',
      byHand: ['command'],
      sent: '/spool/restore/x.tar',
    });
    expect(text.split('\n')).toEqual([
      'warning: files: odd',
      'Restored web/shop.',
      'docker: verified: app: runs. NOT looked at: db: no health check',
      'files: NOT looked at: its plugin has nothing to say of what runs again',
      'many: verified: 1: well; 2: well; 3: well; 4: well; 5: well; and 2 more',
      'By hand: command.',
      'What was replaced (files) is in /state/restores/one. When all is well: rm -r /state/restores/one',
      'What the server has sent stays in the spool. To remove it: rm /spool/restore/x.tar /spool/restore/x.tar.json',
      '',
    ]);
  });

  it('lists what earlier restores have kept', () => {
    expect(renderKept('/state/restores', [])).toBe('Nothing is kept in /state/restores.\n');
    expect(renderKept('/r', [{ path: '/r/one', tasks: ['files', 'sqlite'] }])).toContain('/r/one  files, sqlite\n');
  });
});
