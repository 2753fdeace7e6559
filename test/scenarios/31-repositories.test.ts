// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { addData, makeNewArchive, newestHost } from '../helpers/faults.ts';
import { readTree } from '../helpers/file-tree.ts';
import { type RestServer, startRestServer } from '../helpers/rest-server.ts';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

/* A host whose snapshots are stored here, and copied to a server elsewhere that is not always up. */

let lab: SystemLab;
let rest: RestServer;
/** Everything that the program has written, to look for secrets in. */
let written = '';

const server = async (code: number, ...args: string[]) => {
  const ended = await expectCode(code, lab.server(...args));
  written += ended.output;
  return ended;
};

function configure(maxAge: string): void {
  const copy = [
    `  - name: offsite\n      repository_root: ${rest.location}/{hostname}/restic`,
    `password_file: ${lab.at('copy-password')}\n      environment_file: ${lab.at('copy.env')}\n      max_age: ${maxAge}`,
  ];
  lab.configure();
  const config = readFileSync(lab.serverConfig, 'utf8');
  lab.write(lab.serverConfig, config.replace('hosts:\n', `  copies:\n  ${copy.join('\n      ')}\nhosts:\n`));
}

beforeAll(async () => {
  lab = await createSystemLab();
  mkdirSync(lab.at('elsewhere/lab1'), { recursive: true });
  rest = await startRestServer(lab.at('elsewhere'));
  lab.write(lab.at('copy-password'), 'copy-canary\n');
  lab.write(
    lab.at('copy.env'),
    `# for offsite\nRESTIC_REST_USERNAME=${rest.user}\nRESTIC_REST_PASSWORD="${rest.password}"\n`,
  );
  configure('8d');
  addData(lab, { 'note.txt': 'a note\n' });
  await lab.init();
});

afterAll(async () => {
  await rest.stop();
  await lab.remove();
});

it('init has made both repositories, and says so again', async () => {
  const { stdout } = await server(0, 'init', 'lab1');
  expect(stdout).toMatch(/^repository: is there, id \w{12}$/m);
  expect(stdout).toMatch(/^copy "offsite": is there, id \w{12}$/m);
});

it('a backup is copied to the other server', async () => {
  await makeNewArchive(lab);
  await server(0, 'backup');
  const { status, copies } = newestHost(lab);
  expect(status).toBe('success');
  expect(copies).toMatchObject([{ name: 'offsite', status: 'success', message: 'snapshots copied: 1' }]);
});

it('while the other server is down the backup is stored all the same: a warning that tells the age of the copy', async () => {
  await rest.stop();
  const archive = await makeNewArchive(lab);
  await lab.takeMails();
  await server(0, 'backup');
  expect(lab.archives()).toEqual([]);
  expect(lab.snapshots()).toHaveLength(2);
  const host = newestHost(lab);
  expect(host).toMatchObject({ status: 'warning', archive, copies: [{ name: 'offsite', status: 'warning' }] });
  const says =
    /copy offsite: The copy "offsite" is behind: its newest snapshot is of \S+ \S+ UTC, .* old, at most 8 d is allowed .* could not reach or read the repository at rest:http:\/\/127\.0\.0\.1:\d+\/lab1\/restic/;
  const [mail] = await lab.takeMails();
  expect(mail?.text.replace(/\s+/g, ' ')).toMatch(says);
  const { stdout } = await server(1, 'check', 'lab1');
  expect(stdout.replace(/\s+/g, ' ')).toMatch(/FAILED +lab1: copy offsite: restic cat could not reach/);
});

it('when it is up again the copy catches up, though the client has nothing new', async () => {
  await rest.start();
  lab.write(lab.at('paper'), 'a passphrase on paper\n');
  await server(0, 'recovery-kit', '--to', lab.at('kit.age'), '--passphrase-file', lab.at('paper'));
  await server(0, 'backup');
  expect(newestHost(lab)).toMatchObject({
    skipped: expect.any(String),
    copies: [{ name: 'offsite', status: 'success', message: 'snapshots copied: 1' }],
  });
  const { stdout } = await server(0, 'check', 'lab1');
  expect(stdout).toMatch(/^ok +lab1: copy offsite: usable, 2 snapshots/m);
  // How far the copy got is remembered beside what belongs into a kit, and makes no kit old.
  expect(stdout).toMatch(/^ok +server: recovery kit: /m);
});

it('plain restic restores from the copy what was stored in the first repository', () => {
  const restore = (target: string, env: NodeJS.ProcessEnv) => {
    const words = ['--no-cache', 'restore', 'latest', '--target', lab.at(target)];
    execFileSync('restic', words, { env: { PATH: process.env.PATH, ...env }, stdio: 'pipe' });
    return readTree(lab.at(target));
  };
  const { user, password } = rest;
  const login = `://${user}:${encodeURIComponent(password)}@`;
  const fromCopy = restore('from-copy', {
    RESTIC_REPOSITORY: `${rest.location.replace('://', login)}/lab1/restic`,
    RESTIC_PASSWORD_FILE: lab.at('copy-password'),
  });
  const fromFirst = restore('from-first', {
    RESTIC_REPOSITORY: lab.repository,
    RESTIC_PASSWORD_FILE: lab.at('password'),
  });
  expect(fromCopy).toEqual(fromFirst);
  expect(fromCopy.length).toBeGreaterThan(3);
});

it('a copy that is older than it may be makes the host fail', async () => {
  await rest.stop();
  configure('1h');
  // As it was two hours ago, for this server.
  const memory = lab.at('server-state/repositories/lab1@offsite.newest.json');
  expect(JSON.parse(readFileSync(memory, 'utf8')).newest).toBe(newestHost(lab).copies?.[0]?.newest);
  lab.write(memory, JSON.stringify({ newest: new Date(Date.now() - 7_200_000).toISOString() }));
  await server(1, 'backup');
  expect(newestHost(lab)).toMatchObject({ status: 'failed', copies: [{ name: 'offsite', status: 'failed' }] });
});

it('two hosts never share a repository', async () => {
  const config = readFileSync(lab.serverConfig, 'utf8');
  const twin = `  - { hostname: twin, repository: ${lab.repository}, ssh_user: x, ssh_key_file: /x, remote_tar_dir: /x }\n`;
  lab.write(lab.serverConfig, `${config}${twin}`);
  const { stdout } = await server(1, 'check', 'twin');
  expect(stdout.replace(/\s+/g, ' ')).toMatch(
    /hosts\[1\]\.repository: the repository of twin would be at .* the repository of lab1/,
  );
});

it('no secret is in anything that was written', async () => {
  for (const { subject, text } of await lab.takeMails()) written += subject + text;
  for (const { path, type } of readTree(lab.at('server-state'))) {
    if (type === 'file' && !/restic-cache|live/.test(path))
      written += readFileSync(join(lab.at('server-state'), path), 'utf8');
  }
  written += (await server(0, 'config', 'show')).output;
  expect(written).toContain('/lab1/restic');
  expect(written).not.toMatch(/canary/);
});
