// SPDX-License-Identifier: AGPL-3.0-or-later
import { bytePathOf } from '@local-backup/common/byte-path';
import { describe, expect, it } from 'vitest';
import { hostPath, readTarMessages } from './tar-warnings.ts';

describe('readTarMessages', () => {
  it.each([
    ['tar: ./log/a: file changed as we read it', '/log/a changed while it was read, so its copy may not fit together'],
    ['tar: ./a: File removed before we read it', '/a vanished before it could be read'],
    [
      'tar: ./a: File shrank by 12 bytes; padding with zeros',
      '/a became 12 bytes shorter while it was read; its copy ends in zeros',
    ],
    ['/usr/bin/tar: ./a: Unknown file type; file ignored', '/a is of a type that cannot be saved'],
    ['tar: ./a: Warning: Cannot llistxattrat: No data', '/a: Warning: Cannot llistxattrat: No data'],
    ['tar: ./a: b: file changed as we read it', '/a: b changed while it was read, so its copy may not fit together'],
    ['tar: ./n\\nl\\\\\\303\\274: File removed before we read it', '/n\\nl\\\\ü vanished before it could be read'],
  ])('%s', (line, warning) => {
    expect(readTarMessages(`${line}\n`, '/')).toEqual({ warnings: [warning], errors: [] });
  });

  it.each([
    ['tar: ./a: Cannot open: Input/output error', '/a: Cannot open: Input/output error'],
    ['tar: .: Cannot savedir: Input/output error', '/: Cannot savedir: Input/output error'],
    ['tar: something else', 'something else'],
  ])('%s', (line, error) => {
    expect(readTarMessages(`${line}\n`, '/')).toEqual({ warnings: [], errors: [error] });
  });

  it('says nothing of what is left out as it should be', () => {
    const stderr = 'tar: ./a.sock: socket ignored\ntar: Exiting with failure status due to previous errors\n';
    expect(readTarMessages(stderr, '/srv')).toEqual({ warnings: [], errors: [] });
  });
});

describe('hostPath', () => {
  it.each([
    ['/', './var/x', '/var/x'],
    ['/srv/', './x', '/srv/x'],
    ['/srv/ü', '.', '/srv/ü'],
    ['/', '.', '/'],
    ['/', 'x\xff', '/x\\xff'],
  ])('%s %s', (root, name, expected) => {
    expect(hostPath(root, bytePathOf(Buffer.from(name, 'latin1')))).toBe(expected);
  });
});
