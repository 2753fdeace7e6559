// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;

beforeAll(async () => {
  lab = await createSystemLab();
  lab.addService('web/app', 'service: {name: app}\ncommand: {run: date, stdout: date.txt}\n');
});

afterEach(() => lab.configure());

afterAll(() => lab.remove());

describe('`check` of the client', () => {
  it('is content with what a run needs, and names it', async () => {
    const { stdout } = await expectCode(0, lab.client('check'));
    expect(stdout).toMatch(new RegExp(`^ok +spool +${lab.spool}$`, 'm'));
    expect(stdout).toMatch(/^ok +tar +tar \(GNU tar\) \d/m);
    expect(stdout).toMatch(new RegExp(`^ok +mail +to admin@example.org by ${lab.at('deliver')}$`, 'm'));
  });

  it('finds a spool that is a file, too little space and a tar that is none', async () => {
    writeFileSync(lab.at('file'), '');
    lab.configure({ client: ['tools: { tar_cmd: echo }'] });
    lab.write(lab.clientConfig, withSpool(lab.at('file')));
    const { stdout, stderr } = await expectCode(2, lab.client('check'));
    expect(stdout).toMatch(new RegExp(`^FAILED +spool\\n +base_backup_dir: ${lab.at('file')} is not a directory`, 'm'));
    expect(stdout).toMatch(/^FAILED +tar\n +echo is echo .*; GNU tar 1\.29 or newer is needed\. .*`tar_cmd`\.$/m);
    expect(stderr).toBe('ERROR: spool is not as a run needs it. tar is not as a run needs it.\n');
    lab.configure();
    lab.write(lab.clientConfig, withSpool(lab.at('new/spool')).replace('free_space_mb: 1', 'free_space_mb: 999999999'));
    const full = await expectCode(2, lab.client('check'));
    expect(full.stdout).toMatch(/^FAILED +spool\n +Not enough free space in .* min_free_space_mb demands/m);
    expect(existsSync(lab.at('new'))).toBe(false);
  });

  it('warns that nobody would get a mail', async () => {
    lab.write(lab.clientConfig, configText().replace(lab.at('deliver'), '/no/such/mailer'));
    const { stdout } = await expectCode(0, lab.client('check'));
    expect(stdout).toMatch(/^warning +mail\n +Cannot send mail: \/no\/such\/mailer not found/m);
  });
});

describe('a command that is not installed', () => {
  it('is found before the service is stopped for it', async () => {
    const stopped = lab.at('stopped');
    lab.addService(
      'web/shop',
      `service: {name: shop}\ncommand: {before: [touch, ${stopped}], run: [nonexistent-dumper], after: [rm, -f, ${stopped}]}\n`,
    );
    const { stdout } = await expectCode(2, lab.client('check'));
    expect(stdout).toMatch(
      /^state +service +task +would save\nok +web\/app +command +what `date` prints, as date\.txt$/m,
    );
    const { services } = JSON.parse((await expectCode(2, lab.client('--json', 'check'))).stdout);
    expect(services).toMatchObject([
      { service: 'web/app', state: 'ok', tasks: [{ task: 'command', problems: [] }] },
      { service: 'web/shop', state: 'FAILED', tasks: [{ task: 'command', state: 'FAILED' }] },
    ]);
    expect(stdout).toMatch(
      /^FAILED +web\/shop +command .*\n.*service\.yaml:2:1: command: run: nonexistent-dumper not found in /m,
    );
    await expectCode(1, lab.client('backup'));
    expect(existsSync(stopped)).toBe(false);
    const plan = await expectCode(0, lab.client('backup', '--dry-run'));
    expect(plan.stdout).toMatch(/^1 of 2 service\(s\) would FAIL\.\n$/m);
    rmSync(lab.at('services/web/shop'), { recursive: true });
  });
});

describe('archives in the spool', () => {
  it('`verify` finds them in done/ too, and tells what is missing', async () => {
    const [archive = ''] = lab.archives();
    const done = (name: string) => join(lab.spool, 'done', name);
    for (const name of [archive, `${archive}.json`, `${archive}.entries.gz`])
      renameSync(join(lab.spool, name), done(name));
    const { stdout } = await expectCode(0, lab.client('verify', archive));
    expect(stdout).toContain(`${done(archive)} is whole: `);
    renameSync(done(archive), lab.at('away'));
    const missing = await expectCode(1, lab.client('verify', archive));
    expect(missing.stderr).toContain(`The archive ${done(archive)} is missing, though its manifest is there`);
    renameSync(lab.at('away'), done(archive));
  });

  it('`list` and `verify` do not wait for a pipe in the place of a manifest', async () => {
    const [archive = ''] = lab.archives(join(lab.spool, 'done'));
    const manifest = join(lab.spool, 'done', `${archive}.json`);
    rmSync(manifest);
    execFileSync('mkfifo', [manifest]);
    const { stdout } = await expectCode(0, lab.client('list'));
    expect(stdout).toMatch(new RegExp(`^${archive} .* stored +no manifest: not published$`, 'm'));
    const { stderr } = await expectCode(1, lab.client('verify', archive));
    expect(stderr).toContain(`${manifest} is not a regular file`);
  }, 20_000);

  it('there are none before the first backup, which `list` says', async () => {
    mkdirSync(lab.at('fresh'));
    lab.write(lab.clientConfig, withSpool(lab.at('fresh')));
    const { stdout } = await expectCode(0, lab.client('list'));
    expect(stdout).toBe(`No archives in ${lab.at('fresh')}. Make one: backup-client backup\n`);
  });
});

function configText(): string {
  return readFileSync(lab.clientConfig, 'utf8');
}

function withSpool(directory: string): string {
  return configText().replace(/^base_backup_dir: .*/m, `base_backup_dir: ${directory}`);
}
