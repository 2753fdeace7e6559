// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { placesIn } from './places.ts';

describe('placesIn', () => {
  it('finds what it needs in a file that is no YAML', () => {
    const text = 'state_dir: /srv/state  # here\nlock_dir: "/run/x"\nadmin_email: a@example.org\nkeep_days: [';
    expect(placesIn(text)).toMatchObject({ stateDir: '/srv/state', lockDir: '/run/x', adminEmail: 'a@example.org' });
  });

  it('has the defaults where there is nothing to find', () => {
    const defaults = {
      stateDir: '/var/lib/backup-client',
      lockDir: '/run',
      pluginDir: '/opt/backup/lib/plugins',
      serviceDir: '/etc/backup',
      adminEmail: undefined,
    };
    expect(placesIn('')).toEqual(defaults);
    expect(placesIn('state_dir: relative\n  lock_dir: /nested')).toEqual(defaults);
  });
});
