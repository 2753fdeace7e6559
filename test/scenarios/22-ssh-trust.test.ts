// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, copyFileSync, cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addData, addHost, expectRestored, failureOf, makeNewArchive, newestHost } from '../helpers/faults.ts';
import { publishHarmless } from '../helpers/hostile-spool.ts';
import { freePort, makeKey, publicKeyOf } from '../helpers/sshd.ts';
import { createSystemLab, type Ended, expectCode, type ReadMail, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;
let run: Ended;
let mails: readonly ReadMail[];
let closedPort = 0;

/** What is wrong with each host, and what its message says. */
const TROUBLES: readonly { host: string; trouble: string; says: readonly RegExp[] }[] = [
  {
    host: 'lab2',
    trouble: 'its host key is another one',
    says: [
      /has changed: it now offers \S+ SHA256:\S+, known is \S+ SHA256:\S+/,
      /ssh-keygen -R/,
      /backup-server init lab2/,
    ],
  },
  { host: 'lab3', trouble: 'its host key is not known', says: [/SHA256:/, /backup-server init lab3/] },
  {
    host: 'lab4',
    trouble: 'it does not know our key',
    says: [/refused the key SHA256:/, /authorized_keys of \w+ there: restrict/],
  },
  { host: 'lab5', trouble: 'others can read our key file', says: [/can be read by others|0644|chmod/] },
  { host: 'lab6', trouble: 'nothing listens on its port', says: [/refuses connections: is sshd running there/] },
  { host: 'lab7', trouble: 'it has no spool', says: [/no-such-spool/, /[Nn]o such/] },
];

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0', 'parallel_hosts: 2'] });
  addData(lab, { 'note.txt': 'a note\n' });
  await lab.init();
  await makeNewArchive(lab);
  closedPort = await freePort();
  const other = publicKeyOf(makeKey(lab.at('other-key'), 'ed25519'));
  lab.write(lab.at('known_hosts.wrong'), `[127.0.0.1]:${lab.sshd.port} ${other}\n`);
  lab.write(lab.at('known_hosts.none'), '');
  makeKey(lab.at('stranger'), 'ed25519');
  copyFileSync(lab.sshd.clientKey, lab.at('public-key'));
  copyFileSync(`${lab.sshd.clientKey}.pub`, lab.at('public-key.pub'));
  chmodSync(lab.at('public-key'), 0o644);
  const lines: readonly (readonly string[])[] = [
    [`known_hosts_file: [${lab.at('known_hosts.wrong')}]`],
    [`known_hosts_file: [${lab.at('known_hosts.none')}]`],
    [`ssh_key_file: ${lab.at('stranger')}`],
    [`ssh_key_file: ${lab.at('public-key')}`],
    [`port: ${closedPort}`],
    [`remote_tar_dir: ${lab.at('no-such-spool')}`],
  ];
  for (const [index, { host }] of TROUBLES.entries()) {
    const spool = addHost(lab, host, lines[index]);
    cpSync(lab.repository, lab.at('repositories', host), { recursive: true });
    cpSync(lab.at('server-state/repositories/lab1.json'), lab.at(`server-state/repositories/${host}.json`));
    await publishHarmless({ spool, hostname: host, stamp: '20261101_030000' });
  }
  run = await lab.server('backup');
  mails = await lab.takeMails();
});

afterAll(() => lab.remove());

describe('hosts that cannot be trusted or reached, and one that is well, in one run', () => {
  it('the run fails, and the one that is well is stored', async () => {
    expect(run.code).toBe(1);
    expect(newestHost(lab)).toMatchObject({ status: 'success' });
    await expectRestored(lab);
  });

  it.each(TROUBLES)('$host: $trouble, which its record and its mail say', ({ host, says }) => {
    expect(newestHost(lab, host)).toMatchObject({ status: 'failed' });
    const mail = mails.find(({ subject }) => subject.includes(`Backup FAILED for host ${host} `));
    for (const text of says) {
      expect(failureOf(lab, host)).toMatch(text);
      expect(mail?.text.replace(/\s+/g, ' ')).toMatch(text);
    }
  });

  it('the refused host key is not recorded by itself', () => {
    expect(readFileSync(lab.at('known_hosts.none'), 'utf8')).toBe('');
    expect(readFileSync(lab.at('known_hosts.wrong'), 'utf8').split('\n')).toHaveLength(2);
  });

  it('once they have been mended, the next run stores every one of them', async () => {
    writeFileSync(lab.at('known_hosts.wrong'), readFileSync(lab.at('known_hosts')));
    writeFileSync(lab.at('known_hosts.none'), readFileSync(lab.at('known_hosts')));
    copyFileSync(lab.sshd.clientKey, lab.at('stranger'));
    copyFileSync(`${lab.sshd.clientKey}.pub`, lab.at('stranger.pub'));
    chmodSync(lab.at('public-key'), 0o600);
    const config = readFileSync(lab.serverConfig, 'utf8').replace(`port: ${closedPort}`, `port: ${lab.sshd.port}`);
    lab.write(lab.serverConfig, config.replace(join(lab.root, 'no-such-spool'), lab.at('spool-lab7')));
    await expectCode(0, lab.server('backup'));
    for (const { host } of TROUBLES) expect(newestHost(lab, host).status).toBe('success');
  });
});
