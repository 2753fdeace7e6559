// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import { describe, expect, it } from 'vitest';
import { chooseSource, type SpoolSource, serviceIn } from './choose-source.ts';

function serviceOf(path: string, files = 2): ManifestService {
  const [type = '', name = ''] = path.split('/');
  const sums = { seconds: 0, secondsStopped: 0, bytes: 10, files };
  return { type, name, status: 'success', messages: [], started: '2026-11-21T03:00:00Z', ...sums, tasks: [] };
}

function sourceOf(kind: SpoolSource['kind'], time: number, ...services: string[]): SpoolSource {
  return { kind, path: `/spool/${kind}-${time}`, time, services: services.map((path) => serviceOf(path)) };
}

const HOST = { spool: '/spool', hostname: 'web2' };

const chosen = (sources: readonly SpoolSource[], wanted: string) => {
  const { source, why } = chooseSource(sources, wanted, HOST);
  return [source.path, why];
};

describe('what a service is restored from', () => {
  it('is the newest that the server has sent for it, however old it is', () => {
    const sources = [
      sourceOf('archive', 9, 'web/shop'),
      sourceOf('sent', 1, 'web/shop'),
      sourceOf('sent', 2, 'web/shop'),
    ];
    expect(chosen(sources, 'shop')).toEqual(['/spool/sent-2', 'the newest that the server has sent']);
  });

  it('is the newest archive that holds it where the server has sent nothing of it', () => {
    const sources = [
      sourceOf('archive', 7, 'web/shop'),
      sourceOf('archive', 9, 'db/main'),
      sourceOf('sent', 10, 'db/main'),
    ];
    expect(chosen(sources, 'web/shop')).toEqual([
      '/spool/archive-7',
      'the newest archive that holds it; the server has sent none',
    ]);
  });

  it('is told to be missing with what there is', () => {
    expect(() => chooseSource([sourceOf('sent', 1, 'web/shop')], 'db/shop', HOST)).toThrow(/there are: web\/shop/);
    expect(() => chooseSource([], 'shop', HOST)).toThrow(/there is nothing to restore in it/);
  });

  it('has the service by one meaning only, and some of its files', () => {
    const services = [serviceOf('web/shop'), serviceOf('db/shop'), serviceOf('web/gone', 0)];
    expect(() => serviceIn(services, 'shop', '/a')).toThrow('web/shop, db/shop. Say which.');
    expect(serviceIn(services, 'db/shop', '/a')?.type).toBe('db');
    expect(serviceIn(services, 'gone', '/a')).toBeUndefined();
  });
});
