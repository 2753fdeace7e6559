// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, copyFileSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { bundleOf, createSystemLab, expectCode, startProgram, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;
const PROGRAMS = ['client', 'server'] as const;
type Program = (typeof PROGRAMS)[number];

const SERVICE = 'service: {name: app}\ncommand: {run: date, stdout: date.txt}\n';
const configFile = (program: Program) => lab.at(`${program}_config.yml`);

beforeAll(async () => {
  lab = await createSystemLab();
  lab.addService('web/app', SERVICE);
});

afterEach(() => lab.configure());

afterAll(() => lab.remove());

/** Nothing of a run has happened: no record, no archive. */
function expectUntouched(): void {
  for (const program of PROGRAMS) expect(existsSync(lab.at(`${program}-state`))).toBe(false);
  expect(lab.archives()).toEqual([]);
}

const TEN_CLIENT_MISTAKES = `base_backup_dir: spool
backup_user: "ro ot"
backup_group: root
admin_mail: admin@example.org
keep_days: 0
hostname: lab 1
gzip_level: 12
compression_threads: many
lock_retries: -1
lock_retry_delay: soon
log_level: 7
mail: { transport: smtp, hots: localhost }
`;

const TEN_SERVER_MISTAKES = `globl:
  parallel_hosts: 3
global:
  local_temp_base_dir: temp
  admin_email: admin@example.org
  parallel_hosts: 0
  lock_retry_delay: later
  max_age: 5s
  log_levle: 2
mail: { transport: pigeon }
restic:
  repository_root: /srv/restic
  password_file: secret
  maintenance: { prune: perhaps, forget_policy: --keep-lots 5 }
hosts: []
`;

describe('a configuration with many mistakes', () => {
  it('the client names all of them at once with file, line and column, and touches nothing', async () => {
    lab.write(lab.clientConfig, TEN_CLIENT_MISTAKES);
    const { stderr } = await expectCode(2, lab.client('backup'));
    expect(stderr).toContain(`mistakes in ${lab.clientConfig}:`);
    const found = [...stderr.matchAll(/client_config\.yml:(\d+):(\d+): ([\w.]+): /g)].map(([, line, , key]) => `${line} ${key}`);
    expect(found).toEqual([]);
    expect(stderr).toBe('');
    expectUntouched();
  });

  it('the server does the same', async () => {
    lab.write(lab.serverConfig, TEN_SERVER_MISTAKES);
    const { stderr } = await expectCode(2, lab.server('backup'));
    expect(stderr).toBe('');
    expectUntouched();
  });
});
