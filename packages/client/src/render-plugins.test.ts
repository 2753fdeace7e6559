// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { renderContract, renderPlugins } from './render-plugins.ts';

describe('renderPlugins', () => {
  it('is one line for each, and tells what does not work', () => {
    const text = renderPlugins(
      [
        { name: 'files', kind: 'built in', summary: 'Files.', file: undefined, problem: undefined },
        { name: 'etcd', kind: 'executable', summary: '', file: '/p/etcd', problem: 'it has mode 0777' },
      ],
      { directory: '/p', warnings: ['/p/x is not used'] },
    );
    expect(text).toBe(
      'files                built in   Files.\n' +
        'etcd                 executable FAILED: it has mode 0777\n' +
        'warning: /p/x is not used\n',
    );
  });

  it('says where plugins of the admin would be', () => {
    expect(renderPlugins([], { directory: '/p', warnings: [] })).toBe('No plugins of your own in /p.\n');
  });
});

describe('renderContract', () => {
  it('puts the reasons below the rule', () => {
    expect(renderContract('etcd (/p/etcd)', [{ rule: 'saves', state: 'FAILED', message: 'one\ntwo' }])).toBe(
      'etcd (/p/etcd)\nFAILED     saves\n           one\n           two\n',
    );
  });
});
