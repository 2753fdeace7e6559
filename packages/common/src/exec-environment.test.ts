// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { childEnvironment } from './exec-environment.ts';

describe('childEnvironment', () => {
  it('keeps secrets and what changes programs out', () => {
    const own = { PATH: '/opt/bin', HOME: '/root', RESTIC_PASSWORD: 'x', LD_PRELOAD: 'y', LANG: 'de_DE', TZ: 'UTC' };
    expect(childEnvironment(own, { EXTRA: '1' })).toEqual({
      PATH: '/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      LANG: 'C.UTF-8',
      LC_ALL: 'C.UTF-8',
      HOME: '/root',
      TZ: 'UTC',
      EXTRA: '1',
    });
  });

  it('searches in absolute directories only, in each once', () => {
    expect(childEnvironment({ PATH: '/bin:.::bin:/usr/bin' }).PATH).toBe(
      '/bin:/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin',
    );
  });

  it('lets what is added win', () => {
    expect(childEnvironment({ HOME: '/root' }, { HOME: '/x', LC_ALL: 'C' })).toMatchObject({ HOME: '/x', LC_ALL: 'C' });
  });
});
