// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import { type CheckResult, renderCheck } from './render-check.ts';
import type { Service } from './service.ts';

const CONFIG = '/etc/backup/client_config.yml';

const service: Service = {
  ...{ name: 'app', type: 'web', file: '/etc/backup/web/app/service.yaml', configDirectory: '/etc/backup/web/app' },
  ...{ tasks: [], warnings: [] },
};

const result: CheckResult = {
  configFile: CONFIG,
  warnings: [],
  surroundings: [{ state: 'ok', what: 'tar', more: 'tar (GNU tar) 1.34', details: [] }],
  services: [service],
  advice: new Map(),
  others: [],
};

it('is a line for everything that was looked at', () => {
  expect(
    renderCheck(result)
      .split('\n')
      .map((line) => line.replace(/ +/g, ' ')),
  ).toEqual([`ok ${CONFIG}`, 'ok tar tar (GNU tar) 1.34', 'ok web/app', '']);
});

it('tells what mends it below what is not as it should be', () => {
  const surroundings: CheckResult['surroundings'] = [
    { state: 'FAILED', what: 'spool', more: '', details: ['Not enough space.\nFree some.'] },
    { state: 'warning', what: 'mail', more: '', details: ['Cannot send mail.'] },
  ];
  const text = renderCheck({ ...result, warnings: ['odd'], surroundings, advice: new Map([[service, ['gone']]]) });
  expect(text.split('\n').map((line) => line.replace(/ +/g, ' '))).toEqual([
    `warning ${CONFIG} 1 warning(s)`,
    ' odd',
    'FAILED spool',
    ' Not enough space.',
    ' Free some.',
    'warning mail',
    ' Cannot send mail.',
    'warning web/app',
    ' gone',
    '',
  ]);
});
