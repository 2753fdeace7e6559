// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';

const never = new AbortController().signal;

describe('a restic that cannot be trusted', () => {
  let lab: ResticLab;
  beforeAll(async () => {
    lab = await createResticLab('0.14');
    await lab.store('web1').init(never);
    mkdirSync(join(lab.directory, 'live'));
  });
  afterAll(() => lab.remove());

  const withScript = (script: string) => {
    const program = join(mkdtempSync(join(lab.directory, 'bin-')), 'restic');
    writeFileSync(program, `#!/bin/sh\n${script}\nexec ${lab.program} "$@"\n`, { mode: 0o755 });
    return lab.store('web1', { program });
  };
  const request = () => ({ directory: join(lab.directory, 'live'), stamp: '20260101_010000', dryRun: false });

  test.each([
    ['is empty', '', 0o600],
    ['is empty', ' \n', 0o600],
    ['can be read by others', 'correct web1\n', 0o644],
    ['is too long', 'x'.repeat(2_000), 0o600],
  ])('a password file that %s is refused before restic starts', async (complaint, content, mode) => {
    const file = join(mkdtempSync(join(lab.directory, 'password-')), 'password');
    writeFileSync(file, content);
    chmodSync(file, mode);
    const store = lab.store('web1', { password: { file }, program: '/nonexistent/restic' });
    await expect(store.snapshots(never)).rejects.toThrow(complaint);
    await expect(store.snapshots(never)).rejects.toMatchObject({ code: 'config' });
  });

  test('one that is missing, too old or something else is told as such', async () => {
    await expect(lab.store('web1', { program: '/nonexistent/restic' }).check(never)).rejects.toThrow(/no such file/);
    await expect(withScript('echo restic 0.13.1 compiled with go; exit').check(never)).rejects.toThrow(
      /0.14.0 or newer/,
    );
    await expect(withScript('echo tar 1.34; exit').check(never)).rejects.toThrow(/is not restic/);
  });

  test('a backup that ends well without a summary has failed', async () => {
    const store = withScript('[ "$1" = backup ] && exit 0');
    await expect(store.save(request(), never)).rejects.toThrow(/without its summary/);
  });

  test('a backup whose snapshot is not found again has failed', async () => {
    const summary = JSON.stringify({
      ...{ message_type: 'summary', files_new: 1, files_changed: 0, files_unmodified: 0 },
      ...{ data_added: 1, total_bytes_processed: 1, snapshot_id: '01234567' },
    });
    const store = withScript(`[ "$1" = backup ] && echo '${summary}' && exit 0`);
    await expect(store.save(request(), never)).rejects.toThrow(/does not list it/);
  });

  test('an exit code that nobody knows is a failure', async () => {
    const store = withScript('[ "$1" = backup ] && echo goroutine 1 >&2 && exit 2');
    await expect(store.save(request(), never)).rejects.toThrow(/exit code 2/);
  });

  test('options that would break a promise are refused by check', async () => {
    const store = lab.store('web1', { backupOptions: ['--exclude-caches', '--host=other', '-n'] });
    await expect(store.check(never)).rejects.toThrow(/--host: .*-n: /);
    const compressed = lab.store('web1', { backupOptions: ['--compression', 'max'] });
    await expect(compressed.check(never)).rejects.toThrow(/destroy data/);
  });
});
