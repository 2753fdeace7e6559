// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { parseProbe } from './probe.ts';

const FILE = '/opt/backup/lib/plugins/x.sh';

describe('parseProbe', () => {
  it('takes a plugin that echoes its type for one after the documentation', () => {
    const { api, types } = parseProbe(FILE, 'function plugin_run_backup\necho webapp\n');
    expect({ api, types }).toEqual({ api: 2, types: ['webapp'] });
  });

  it('takes one that answers by its exit code for one after the code', () => {
    const { api, types, functions } = parseProbe(
      FILE,
      'function plugin_run_backup\nfunction other\nclaims db\nclaims db\n',
    );
    expect({ api, types, functions: [...functions] }).toEqual({
      api: 3,
      types: ['db'],
      functions: ['plugin_run_backup'],
    });
  });

  it('PLUGIN_API settles it, and has to be one of the two', () => {
    expect(parseProbe(FILE, 'api 3\necho webapp\n').api).toBe(3);
    expect(parseProbe(FILE, 'api 2\nclaims webapp\n').api).toBe(2);
    expect(() => parseProbe(FILE, 'api 4\n')).toThrow('PLUGIN_API has to be 2 or 3');
  });

  it('does not take a sentence for a task key', () => {
    expect(parseProbe(FILE, 'echo INFO: checking\necho webapp\n').types).toEqual(['webapp']);
  });
});
