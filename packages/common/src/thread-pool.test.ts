// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, expect, it, vi } from 'vitest';
import { sizeThreadPool } from './thread-pool.ts';

afterEach(() => vi.unstubAllEnvs());

it.each([
  [1, '4'],
  [8, '8'],
  [64, '16'],
])('%i cores: %s threads', (cores, threads) => {
  vi.stubEnv('UV_THREADPOOL_SIZE', undefined);
  sizeThreadPool(cores);
  expect(process.env.UV_THREADPOOL_SIZE).toBe(threads);
});

it('leaves a number of the admin alone', () => {
  vi.stubEnv('UV_THREADPOOL_SIZE', '2');
  sizeThreadPool(64);
  expect(process.env.UV_THREADPOOL_SIZE).toBe('2');
});
