// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { classifyFailure, type Failure } from './exit-codes.ts';

const locked =
  'unable to create lock in backend: repository is already locked exclusively by PID 10197 on vm by root (UID 0, GID 0)\n' +
  'lock was created at 2026-11-21 11:31:02 (39.730924157s ago)\nstorage ID a0013f75\n' +
  'the `unlock` command can be used to remove stale locks';
const noConfig =
  'unable to open config file: stat /r/config: no such file or directory\n' +
  'Is there a repository at the following location?\n/r';

type Captured = readonly [failure: Failure, exitCode: number, text: string];

/** Captured from the program, paths shortened. */
const FROM_0_14: readonly Captured[] = [
  ['missing', 1, `Fatal: ${noConfig}`],
  ['wrong-password', 1, 'Fatal: wrong password or no key found'],
  ['locked', 1, locked],
  ['damaged', 1, 'Fatal: config cannot be loaded: trying to decrypt invalid data: ciphertext too small'],
  ['damaged', 1, "Fatal: Unmarshal: invalid character 'g' looking for beginning of value"],
  ['damaged', 1, 'pack edc2f722: does not exist\nFatal: repository contains errors'],
  [
    'damaged',
    1,
    'error: error loading index 7fbb28f6: load <index/7fbb>: invalid data\nFatal: LoadIndex returned errors',
  ],
  [
    'damaged',
    1,
    'The index references 1 needed pack files which are missing from the repository:\n  edc2f722\n' +
      'Fatal: packs from index missing in repo',
  ],
  [
    'damaged',
    1,
    'pack ca1b7f6a failed to download: StreamPack: ReadFull: read /r/data/ca/ca1b7f6a: input/output error\n' +
      'Fatal: repository contains errors',
  ],
  ['unreachable', 1, 'Fatal: unable to open config file: read /r/config: input/output error'],
  ['unreachable', 1, 'Fatal: unable to create lock in backend: open /r/locks/01-tmp-2: read-only file system'],
  ['full', 1, 'Fatal: unable to save snapshot: write /r/data/6e/6ed5-tmp-34: no space left on device'],
  [
    'unreachable',
    1,
    'Fatal: unable to open config file: client.Head: Head "http://user:***@127.0.0.1:1/config": dial tcp 127.0.0.1:1: ' +
      'connect: connection refused\nIs there a repository at the following location?\nrest:http://user:***@127.0.0.1:1/',
  ],
  [
    'unreachable',
    1,
    'subprocess ssh: ssh: connect to host 127.0.0.1 port 22: Connection refused\nFatal: unable to open repository at ' +
      'sftp:nobody@127.0.0.1:/x: unable to start the sftp session, error: EOF',
  ],
  ['other', 1, 'Fatal: parsing repository location failed: invalid backend'],
  ['other', 1, 'invalid id "00000000": no matching ID found for prefix "00000000"'],
];

const FROM_0_18: readonly Captured[] = [
  ['missing', 10, `Fatal: repository does not exist: ${noConfig}`],
  ['wrong-password', 12, 'Fatal: wrong password or no key found'],
  ['locked', 11, locked],
  ['damaged', 1, 'Fatal: config cannot be loaded: trying to decrypt invalid data: ciphertext too short'],
  ['damaged', 1, 'Fatal: LoadRaw(<key/906d012bb3>): invalid data returned'],
  ['full', 1, 'Fatal: unable to save snapshot: write /r/data/44/44a3-tmp-41: no space left on device'],
  [
    'unreachable',
    1,
    'subprocess ssh: ssh: connect to host 127.0.0.1 port 22: Connection refused\nFatal: unable to open repository at ' +
      'sftp:nobody@127.0.0.1:/x: unable to start the sftp session, error: error receiving version packet from server',
  ],
  ['other', 1, 'Fatal: unable to save snapshot: context canceled'],
];

describe('why a command failed', () => {
  test.each(FROM_0_14)('0.14: %s', (failure, exitCode, text) => {
    expect(classifyFailure([0, 14, 0], exitCode, text)).toBe(failure);
  });

  test.each(FROM_0_18)('0.18: %s', (failure, exitCode, text) => {
    expect(classifyFailure([0, 18, 0], exitCode, text)).toBe(failure);
  });

  test('where there are exit codes, prose does not stand in for them', () => {
    expect(classifyFailure([0, 18, 0], 1, `Fatal: ${noConfig}`)).toBe('other');
    expect(classifyFailure([0, 18, 0], 1, locked)).toBe('other');
    expect(classifyFailure([0, 17, 0], 1, 'Fatal: wrong password or no key found')).toBe('wrong-password');
  });
});
