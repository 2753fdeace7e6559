// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createHistoryLab, type HistoryLab } from '../helpers/history-lab.ts';
import { expectCode, until } from '../helpers/system-lab.ts';

let lab: HistoryLab;

beforeAll(async () => {
  lab = await createHistoryLab();
});

afterEach(() => lab.configure());

afterAll(() => lab.remove());

describe('restoring', () => {
  it('a service of a day: only that, every byte compared', async () => {
    const target = lab.at('service');
    const { stdout } = await expectCode(
      0,
      lab.server('restore', 'web1@2026-03-05', '--service', 'shop', '--to', target),
    );
    expect(stdout).toContain('(the newest of 2026-03-05 (UTC))');
    expect(stdout).toMatch(/^Restoring web\/shop: 9 entries, \d+ B$/m);
    expect(stdout).toMatch(/^Verified: 9 entries .*: no differences\.$/m);
    expect(fs.readdirSync(target)).toEqual(['web']);
    expect(fs.readdirSync(join(target, 'web'))).toEqual(['shop']);
    expect(fs.readFileSync(join(target, 'web/shop/data/new\nline'), 'utf8')).toBe('odd\n');
  });

  it('globs, one for a name that is not UTF-8; as JSON', async () => {
    const target = lab.at('globs');
    const words = ['--path', 'db/main/caf?', '--path', '**/*.conf', '--path', 'web/shop/second', '--to', target];
    const result = await lab.json('restore', 'web1@2026-03-05 14:30', ...words);
    expect(result).toMatchObject({
      host: 'web1',
      snapshot: lab.newer,
      entries: 3,
      target,
      verified: { differenceCount: 0 },
    });
    expect(execFileSync('bash', ['-c', `cat ${target}/db/main/$'caf\\xe9'`], { encoding: 'utf8' })).toBe('bad\n');
    expect(fs.readFileSync(join(target, 'web/shop/second'), 'utf8')).toBe('same\n');
    expect(fs.existsSync(join(target, '.backup'))).toBe(false);
  });

  it('over existing files only where that was said; what the snapshot does not have stays', async () => {
    const target = lab.at('over');
    fs.mkdirSync(join(target, 'web/blog'), { recursive: true });
    fs.writeFileSync(join(target, 'web/blog/post'), 'something else that is longer than before\n');
    fs.writeFileSync(join(target, 'web/blog/own'), 'mine\n');
    const words = ['restore', lab.oldest.slice(0, 12), '--to', target];
    const refused = await expectCode(2, lab.server(...words));
    expect(refused.stderr).toContain('it is not empty. Give an empty directory, or --overwrite');
    expect(fs.readFileSync(join(target, 'web/blog/post'), 'utf8')).toMatch(/^something else/);
    const { stdout } = await expectCode(0, lab.server(...words, '--overwrite'));
    expect(stdout).toContain('What was in ');
    expect(fs.readFileSync(join(target, 'web/blog/post'), 'utf8')).toBe('first\n');
    expect(fs.readFileSync(join(target, 'web/blog/own'), 'utf8')).toBe('mine\n');
    expect(fs.existsSync(join(target, '.backup/entries.gz'))).toBe(true);
    fs.rmSync(join(target, 'db'), { recursive: true });
    fs.symlinkSync(lab.at('live'), join(target, 'db'));
    const barred = await expectCode(2, lab.server(...words, '--overwrite'));
    expect(barred.stderr).toMatch(/Nothing was changed\. Move these away first:\n {2}db$/m);
  });

  it('what is not there is answered with what there is, and no directory is left behind', async () => {
    const cases: readonly (readonly [RegExp, number, ...string[]])[] = [
      [/of 2026-03-02 .*There are 3, .*Nearest: before it [0-9a-f]{8} .* after it [0-9a-f]{8} /, 2, 'web1@2026-03-02'],
      [/Configured hosts: web1, db1/, 2, 'web9'],
      [/No snapshot of any host has the id/, 2, '0123456789abcdef'],
      [/There are: db\/main, web\/blog, web\/shop/, 2, 'web1', '--service', 'shap'],
      [/Nothing in the snapshot matches "\*\.conf".* web\/shop/, 2, 'web1', '--path', '*.conf'],
      [/goes upwards/, 2, 'web1', '--path', '../etc'],
      [/Give either HOST@WHEN or --snapshot/, 2, 'web1@latest', '--snapshot', 'latest'],
      [/has no manifest/, 1, 'db1', '--service', 'x'],
    ];
    const refuse = async ([message, code, ...words]: (typeof cases)[number]) => {
      const { stderr } = await expectCode(code, lab.server('restore', ...words, '--to', lab.at('none')));
      expect(stderr).toMatch(message);
    };
    // Two at a time: each starts restic several times.
    for (let at = 0; at < cases.length; at += 2) await Promise.all(cases.slice(at, at + 2).map(refuse));
    expect(fs.existsSync(lab.at('none'))).toBe(false);
    const unsent = await expectCode(1, lab.server('restore', 'db1', '--service', 'x', '--to-host', 'web1'));
    expect(unsent.stderr).toMatch(/has no manifest .*cannot be sent to a host\. Restore with --to DIR/);
    const directories = ['/', '/var/lib/', lab.at('state/x'), '/proc/x'];
    await Promise.all(directories.map((to) => expectCode(2, lab.server('restore', 'web1', '--to', to))));
    fs.appendFileSync(lab.at('server_config.yml'), '  - hostname: web3\n    bogus: 1\n');
    const unread = await expectCode(1, lab.server('restore', '0123456789abcdef', '--to', lab.at('none')));
    expect(unread.stderr).toContain('But those of web3 could not be looked at');
    const unset = await expectCode(2, lab.server('restore', 'web1', '--overwrite', '--to', ''));
    expect(unset.stderr).toContain('--to names nothing');
  });

  it('too little room is told with the numbers before anything is written', async () => {
    fs.mkdirSync(lab.at('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', lab.at('small')]);
    try {
      const { stderr } = await expectCode(1, lab.server('restore', 'web1', '--to', lab.at('small')));
      expect(stderr).toMatch(/Not enough room to restore into .*: 1\.\d MiB are needed, 1 MiB are free\./);
      expect(fs.readdirSync(lab.at('small'))).toEqual([]);
      await expectCode(0, lab.server('restore', 'web1', '--no-space-check', '--to', lab.at('small')));
    } finally {
      execFileSync('umount', [lab.at('small')]);
    }
  });

  it('one byte that is not as it was saved: named, exit code 1', async () => {
    const flip = `printf X | dd of="$4/db/main/dump.sql" bs=1 seek=1000 conv=notrunc status=none; touch -d @1 "$4/web/blog/post"`;
    fs.writeFileSync(lab.at('restic'), `#!/bin/sh\nrestic "$@" || exit\n[ "$1" != restore ] || { ${flip}; }\n`, {
      mode: 0o700,
    });
    lab.configure(lab.at('restic'));
    const { stdout } = await expectCode(1, lab.server('restore', 'web1', '--to', lab.at('flipped')));
    expect(stdout).toMatch(/^NOT as it was saved: .*: 2 differences\.$/m);
    expect(stdout).toMatch(/^ {2}- db\/main\/dump\.sql: its time .*\n {4}its content is another one/m);
    expect(stdout).toMatch(/^ {2}- web\/blog\/post: its time is 1970-/m);
    expect(stdout).toContain(`What is in ${lab.at('flipped')} is NOT right`);
    const unread = await expectCode(0, lab.server('restore', 'web1', '--no-verify', '--to', lab.at('unread')));
    expect(unread.stdout).toContain('NOT verified, as asked.');
  });

  it('a snapshot of another program is restored, and it is said that there is nothing to compare it with', async () => {
    const { stdout } = await expectCode(0, lab.server('restore', 'db1', '--to', lab.at('foreign')));
    expect(stdout).toContain('no list of its entries to compare with');
    expect(fs.readFileSync(lab.at('foreign/file'), 'utf8')).toBe('of another program\n');
    await expectCode(2, lab.server('restore', 'db1', '--overwrite', '--to', lab.at('foreign')));
  });

  it('Ctrl-C in the middle: ended in order, and told that it is not complete', async () => {
    fs.writeFileSync(
      lab.at('restic'),
      `#!/bin/sh\n[ "$1" != restore ] || { : > ${lab.at('began')}; exec sleep 600; }\nexec restic "$@"\n`,
      { mode: 0o700 },
    );
    lab.configure(lab.at('restic'));
    const running = lab.start('restore', 'web1', '--to', lab.at('ended'));
    await until('the restore', () => fs.existsSync(lab.at('began')) || running.child.exitCode !== null);
    running.child.kill('SIGINT');
    const { stderr } = await expectCode(130, running.ended);
    expect(stderr).toContain(`what is in ${lab.at('ended')} may not be complete`);
  });
});
