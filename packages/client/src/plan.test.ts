// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ManifestService } from '@local-backup/common/manifest';
import { expect, it } from 'vitest';
import { renderPlan } from './plan.ts';
import type { Service } from './service.ts';

const service: Service = {
  ...{ name: 'app', type: 'web', file: '/etc/backup/web/app/service.yaml', configDirectory: '/etc/backup/web/app' },
  ...{ tasks: [], warnings: [] },
};

const other = (name: string, status: ManifestService['status']): ManifestService => ({
  ...{ name, type: 'web', status, messages: [], started: '2026-11-21T03:00:00Z', tasks: [] },
  ...{ seconds: 0, secondsStopped: 0, bytes: 0, files: 0 },
});

const lastLine = (...others: readonly ManifestService[]) => {
  const plan = { spool: '/spool', archive: 'x.tar.gz', services: [service], advice: new Map(), others, expired: [] };
  return renderPlan(plan).trimEnd().split('\n').at(-1);
};

it('ends with how many services would fail', () => {
  expect(lastLine()).toBe('All 1 service(s) can be saved.');
  expect(lastLine(other('bad', 'failed'), other('left', 'skipped'))).toBe('1 of 2 service(s) would FAIL.');
});
