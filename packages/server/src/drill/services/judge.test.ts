// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, test } from 'vitest';
import { outcomeOf } from './judge.ts';
import { loadedRecord, servicesFailure, unseenText } from './services-text.ts';
import type { TaskVerdict } from './verdict.ts';

const check = (name: string, message: string) => ({ name, message });
const task = (name: string, facts: Partial<TaskVerdict> = {}): TaskVerdict => ({
  ...{ task: name, ok: 1, failed: 0, skipped: 0, failures: [], skips: [] },
  ...facts,
});
const looked = (tasks: readonly TaskVerdict[], unknown: readonly string[] = []) =>
  outcomeOf({ kind: 'looked', tasks: [...tasks], unknown: [...unknown] });

const LACK = 'not loaded: apt install mariadb-server';

describe('a service', () => {
  test('is proven when nothing speaks against it', () => {
    expect(looked([task('postgresql'), task('files')])).toEqual({ kind: 'proven' });
    expect(looked([])).toEqual({ kind: 'proven' });
  });

  test('has failed when one check has, whatever else was not looked at', () => {
    const failures = [check('shop: rows of public.orders', '2 rows,\n saved were 3\u001b[2J')];
    const tasks = [
      task('postgresql', { failed: 3, failures }),
      task('mariadb', { skipped: 1, skips: [check('a', LACK)] }),
    ];
    expect(looked(tasks, ['own'])).toEqual({
      kind: 'failed',
      lines: ['postgresql: shop: rows of public.orders: 2 rows, saved were 3\\x1b[2J', 'postgresql: ... and 2 more'],
    });
  });

  test('was not looked at where a part of it was not: each reason once', () => {
    const skips = [check('a', LACK), check('b', LACK)];
    expect(looked([task('mariadb', { ok: 5, skipped: 2, skips })], ['own'])).toEqual({
      kind: 'unseen',
      why: `mariadb: ${LACK}; own: a plugin of the host's own, which this server does not have`,
      odd: false,
    });
    // What is said of none is said all the same.
    expect(looked([task('mariadb', { skipped: 1 })])).toMatchObject({ kind: 'unseen', why: 'mariadb: skipped' });
  });

  test('that cannot be read is odd', () => {
    expect(outcomeOf({ kind: 'unreadable', why: 'no service.yaml' })).toEqual({
      ...{ kind: 'unseen', why: 'no service.yaml', odd: true },
    });
  });
});

describe('all services', () => {
  const failed = {
    service: 'db/pg',
    outcome: { kind: 'failed', lines: ['postgresql: a: b', 'postgresql: c: d'] },
  } as const;
  const proven = { service: 'web/shop', outcome: { kind: 'proven' } } as const;
  const unseen = (service: string) => ({ service, outcome: { kind: 'unseen', why: 'x', odd: false } }) as const;

  test('are counted for the record, which names a hundred', () => {
    const many = Array.from({ length: 120 }, (_, index) => unseen(`a/${index}`));
    const record = loadedRecord([failed, proven, ...many], 7);
    expect(record).toMatchObject({ proven: 1, failed: 1, unseenCount: 120, seconds: 7 });
    expect(record.unseen).toHaveLength(100);
    expect(unseenText(record.unseen)).toMatch(/^a\/0 \(x\), .*a\/19 \(x\), \.\.\. and 80 more$/);
  });

  test('fail with what is wrong and what to do, or not at all', () => {
    expect(servicesFailure([proven, unseen('a/b')], 'web1')).toBeUndefined();
    expect(servicesFailure([proven, failed], 'web1')?.message.split('\n').slice(0, 3)).toEqual([
      '1 of 2 services of web1 would not come back as they were:',
      'db/pg: postgresql: a: b',
      'db/pg: postgresql: c: d',
    ]);
  });
});
