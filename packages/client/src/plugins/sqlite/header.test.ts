// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { sizeComplaint } from './header.ts';

it.each([
  [{ bytes: 0, pageSize: 0, pages: 0, wal: false }, undefined],
  [{ bytes: 8192, pageSize: 4096, pages: 2, wal: false }, undefined],
  [{ bytes: 8192, pageSize: 4096, pages: 0, wal: false }, undefined],
  [{ bytes: 4096, pageSize: 4096, pages: 2, wal: false }, 'it has 1 pages, but its header speaks of 2'],
  [{ bytes: 8000, pageSize: 4096, pages: 2, wal: false }, 'its 8000 bytes are no whole pages of 4096 bytes'],
  [{ bytes: 8192, pageSize: 0, pages: 2, wal: false }, 'its 8192 bytes are no whole pages of 0 bytes'],
])('%j: %s', (header, complaint) => {
  expect(sizeComplaint(header)).toBe(complaint);
});
