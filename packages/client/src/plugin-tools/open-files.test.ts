// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { parseLocks } from './open-files.ts';

it('locks are read with the process and the file that they are of', () => {
  const text = `1: OFDLCK ADVISORY  WRITE -1 fe:00:16719883 0 EOF
2: POSIX  ADVISORY  WRITE 6827 fe:00:2150079 0 EOF
2: -> POSIX  ADVISORY  WRITE 6900 fe:00:2150079 0 EOF
10: FLOCK  ADVISORY  WRITE 12 00:1a:7 0 EOF
`;
  expect(parseLocks(text)).toEqual([
    { pid: '6827', place: 'fe:00:2150079' },
    { pid: '12', place: '00:1a:7' },
  ]);
});
