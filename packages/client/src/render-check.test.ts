// SPDX-License-Identifier: AGPL-3.0-or-later
import { expect, it } from 'vitest';
import * as z from 'zod';
import { checkedServices } from './checked-services.ts';
import { definePlugin } from './plugin.ts';
import { type CheckResult, renderCheck } from './render-check.ts';
import type { Service } from './service.ts';

const CONFIG = '/etc/backup/client_config.yml';
const FILE = '/etc/backup/web/app/service.yaml';

const plugin = definePlugin<{ name: string }>({
  ...{ name: 'dump', summary: '', options: z.strictObject({ name: z.string() }) },
  describe: ({ name }) => `database ${name}`,
  run: async () => ({}),
});
const silent = definePlugin({ name: 'silent', summary: '', options: z.strictObject({}), run: async () => ({}) });

const task = (options: unknown) => ({ key: 'dump', plugin, options, where: `${FILE}:2:1` });
const service: Service = {
  ...{ name: 'app', type: 'web', file: FILE, configDirectory: '/etc/backup/web/app' },
  ...{ tasks: [task({ name: 'shop' }), { key: 'silent', plugin: silent, options: {} }], warnings: [] },
};

const result: CheckResult = {
  configFile: CONFIG,
  warnings: [],
  surroundings: [{ state: 'ok', what: 'tar', more: 'tar (GNU tar) 1.34', details: [] }],
  services: checkedServices({ findings: new Map([[service, []]]), unread: [] }),
};

const linesOf = (changed: CheckResult) =>
  renderCheck(changed)
    .split('\n')
    .map((line) => line.replace(/ +/g, ' '));

it('is a line for everything that was looked at, and a table of all tasks', () => {
  expect(linesOf(result)).toEqual([
    `ok ${CONFIG}`,
    'ok tar tar (GNU tar) 1.34',
    '',
    'state service task would save',
    'ok web/app dump database shop',
    'ok silent',
    '',
  ]);
});

it('tells what mends it below what is not as it should be', () => {
  const surroundings: CheckResult['surroundings'] = [
    { state: 'FAILED', what: 'spool', more: '', details: ['Not enough space.\nFree some.'] },
    { state: 'warning', what: 'mail', more: '', details: ['Cannot send mail.'] },
  ];
  expect(linesOf({ ...result, warnings: ['odd'], surroundings, services: [] })).toEqual([
    `warning ${CONFIG} 1 warning(s)`,
    ' odd',
    'FAILED spool',
    ' Not enough space.',
    ' Free some.',
    'warning mail',
    ' Cannot send mail.',
    '',
    'state service task would save',
    '',
  ]);
});

it('puts what was found below its task, and the worst state into the first line of the service', () => {
  const odd: Service = {
    ...service,
    warnings: ['nobody handles `x`'],
    tasks: [task({ name: 'a\nb' }), ...service.tasks.slice(1)],
  };
  const findings = new Map([
    [
      odd,
      [
        { task: 'dump', isFailure: false, message: `${FILE}:2:1: dump: old` },
        { task: 'silent', isFailure: true, message: `${FILE}:3:1: silent: no such program` },
        { task: undefined, isFailure: true, message: 'stuck' },
      ],
    ],
  ]);
  const message = '/etc/backup/a/b/service.yaml:1:1: bad';
  const unread = [{ file: '/etc/backup/a/b/service.yaml', type: 'a', name: 'b', message }];
  const services = checkedServices({ findings, unread });
  expect(services.map(({ state }) => state)).toEqual(['FAILED', 'FAILED']);
  expect(linesOf({ ...result, services }).slice(4)).toEqual([
    'FAILED a/b',
    ` ${message}`,
    'FAILED web/app dump database a\\nb',
    ` ${FILE}:2:1: dump: old`,
    'FAILED silent',
    ` ${FILE}:3:1: silent: no such program`,
    ' stuck',
    ' nobody handles `x`',
    '',
  ]);
});
