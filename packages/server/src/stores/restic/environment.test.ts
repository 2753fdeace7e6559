// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { mergedVariables, readEnvironment, withRestLogin } from './environment.ts';
import { checkPassword, passwordEnvironment } from './password.ts';

const directory = mkdtempSync(join(tmpdir(), 'environment-'));
afterAll(() => rmSync(directory, { recursive: true }));

const KEYS = 'RESTIC_REST_USERNAME=backup\nAWS_SECRET_ACCESS_KEY=canary\nAWS_DEFAULT_REGION=eu-1\nHOME=/root\nX=true\n';

test('what may be secret is hidden before anything else; settings and common words are not', async () => {
  const file = join(directory, 'keys');
  writeFileSync(file, KEYS, { mode: 0o600 });
  const hidden: string[] = [];
  expect(await readEnvironment({ file }, (secret) => hidden.push(secret))).toMatchObject({ HOME: '/root', X: 'true' });
  expect(hidden).toEqual(['canary']);
});

test('a file that others can read is refused, without a word of its content', async () => {
  const file = join(directory, 'open');
  writeFileSync(file, KEYS);
  chmodSync(file, 0o644);
  const reading = readEnvironment({ file }, () => undefined);
  await expect(reading).rejects.toMatchObject({ code: 'config' });
  await expect(reading).rejects.toThrow(/has mode 0644/);
});

test('a credential is in the directory that systemd names', async () => {
  const place = { credential: 'keys' };
  delete process.env.CREDENTIALS_DIRECTORY;
  await expect(readEnvironment(place, () => undefined)).rejects.toThrow(/LoadCredential=keys:/);
  expect(() => passwordEnvironment(place)).toThrow(/CREDENTIALS_DIRECTORY is not set/);
  process.env.CREDENTIALS_DIRECTORY = directory;
  try {
    writeFileSync(join(directory, 'keys'), KEYS);
    // As some versions of systemd make them; a file of the admin's own has to be closed to the group.
    chmodSync(join(directory, 'keys'), 0o440);
    await checkPassword(place);
    await expect(checkPassword({ file: join(directory, 'keys') })).rejects.toThrow(/can be read by others/);
    expect(await readEnvironment(place, () => undefined)).toMatchObject({ HOME: '/root' });
    expect(passwordEnvironment(place, 'RESTIC_FROM')).toEqual({ RESTIC_FROM_PASSWORD_FILE: join(directory, 'keys') });
    await expect(readEnvironment({ credential: 'none' }, () => undefined)).rejects.toThrow(/ENOENT/);
  } finally {
    delete process.env.CREDENTIALS_DIRECTORY;
  }
});

const login = { RESTIC_REST_USERNAME: 'me@home', RESTIC_REST_PASSWORD: 'a/b:c', OTHER: '1' };

test.each([
  ['rest:http://host:8000/web1', 'rest:http://me%40home:a%2Fb%3Ac@host:8000/web1'],
  ['rest:https://host', 'rest:https://me%40home:a%2Fb%3Ac@host'],
  ['rest:https://own:login@host/', 'rest:https://own:login@host/'],
  ['sftp:user@host:/srv', 'sftp:user@host:/srv'],
])('the login of a REST server goes into %s', (repository, withLogin) => {
  expect(withRestLogin(repository, login)).toEqual({ repository: withLogin, variables: { OTHER: '1' } });
});

test('two repositories may share variables, but not need different values of one', () => {
  const at = (variables: Record<string, string>) => ({ repository: 'rest:https://u:canary@h/', variables });
  expect(mergedVariables(at({ A: '1', B: '2' }), at({ B: '2', C: '3' }))).toEqual({ A: '1', B: '2', C: '3' });
  const clash = () => mergedVariables(at({ A: '1', B: 'canary' }), at({ B: 'canary2' }));
  expect(clash).toThrow(/different values of B\. .*remote of rclone/);
  expect(clash).not.toThrow(/canary/);
});
