// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { isOfEngine } from './volumes.ts';

it.each([
  ['/var/lib/docker', true],
  ['/var/lib/docker/containers', true],
  ['/var/lib/docker/volumes', true],
  ['/var/lib/docker/volumes/shop_data/_data', false],
  ['/var/lib/containers/storage', true],
  ['/var/lib/containers/storage/volumes/shop/_data', false],
  ['/var/lib/dockerized', false],
])('%s belongs to the engine: %s', (path, expected) => expect(isOfEngine(path)).toBe(expected));
