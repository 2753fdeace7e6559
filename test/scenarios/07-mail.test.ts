// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSystemLab, expectCode, nextSecond, type SystemLab } from '../helpers/system-lab.ts';

let lab: SystemLab;
/** Takes connections and never says a word. */
const silent: Server = createServer();

/** Both programs with this `mail:` section. */
function haveMail(section: string): void {
  lab.configure();
  for (const file of [lab.clientConfig, lab.serverConfig]) {
    lab.write(file, readFileSync(file, 'utf8').replace(/^mail: .*/m, `mail: ${section}`));
  }
}

beforeAll(async () => {
  lab = await createSystemLab({ global: ['retry_failed_hosts: 0'] });
  await new Promise<void>((listening) => silent.listen(0, '127.0.0.1', listening));
  mkdirSync(lab.at('data'));
  writeFileSync(lab.at('data/one.txt'), 'one\n');
  lab.addService('web/good', `service: {name: good}\nfiles: {paths: [${lab.at('data')}]}\n`);
  lab.addService('web/shop', 'service: {name: shop}\ncommand: {run: exit 7, stdout: shop.sql}\n');
  await lab.init();
});

afterAll(async () => {
  silent.close();
  await lab.remove();
});

/** A run of each program whose mail does not get out. */
async function expectUndelivered(reason: RegExp): Promise<void> {
  await nextSecond();
  const client = await expectCode(1, lab.client('backup'));
  expect(client.stderr).toMatch(/ERROR: The failure mail could not be sent to admin@example\.org: /);
  expect(client.stderr).toMatch(reason);
  // What has failed is not hidden by the mail's failure, and what works was done.
  expect(client.stderr).toMatch(/ERROR: Failed: web\/shop\. Published in spite of that: .*\n$/);
  expect(lab.archives()).toHaveLength(1);
  const server = await expectCode(1, lab.server('backup'));
  expect(server.stderr).toMatch(/cannot deliver mail ".*Backup Run COMPLETED WITH ERRORS" to admin@example\.org/);
  expect(server.stderr).toMatch(reason);
  expect(lab.records('server').at(-1)?.hosts[0]).toMatchObject({ snapshot: expect.any(String) });
  expect(lab.archives()).toEqual([]);
}

describe('a mail that cannot be sent changes nothing about the backup, and is told', () => {
  it('the mail program is missing', async () => {
    haveMail(`{ command: ${lab.at('no-such-mailer')} }`);
    await expectUndelivered(/Cannot send mail: \S+no-such-mailer not found\. Install it/);
  });

  it('the mail program fails, and is quoted', async () => {
    lab.write(lab.at('refuse'), '#!/bin/sh\ncat > /dev/null\necho "554 no such mailbox" >&2\nexit 67\n', 0o700);
    haveMail(`{ command: ${lab.at('refuse')} }`);
    await expectUndelivered(/The mail to admin@example\.org was not sent: .*554 no such mailbox/s);
  });

  it('a mail server that is down is named', async () => {
    haveMail('{ transport: smtp, host: 127.0.0.1, port: 1, tls: none }');
    await expectUndelivered(
      /The mail server 127\.0\.0\.1:1 did not take the mail to admin@example\.org: .*ECONNREFUSED/,
    );
  });

  it('a mail server that never greets costs as long as `timeout` says', async () => {
    const { port } = silent.address() as AddressInfo;
    haveMail(`{ transport: smtp, host: 127.0.0.1, port: ${port}, tls: none, timeout: 1s }`);
    const begun = Date.now();
    await expectUndelivered(new RegExp(`The mail server 127\\.0\\.0\\.1:${port} did not take the mail`));
    expect(Date.now() - begun).toBeLessThan(60_000);
  });
});

describe('exit codes when only the mail has failed', () => {
  it('the server ends with 1 though all hosts are in order: nobody has got the report', async () => {
    lab.addService('web/shop', 'service: {name: shop}\ncommand: {run: date, stdout: shop.sql}\n');
    haveMail(`{ command: ${lab.at('no-such-mailer')} }`);
    await nextSecond();
    await expectCode(0, lab.client('backup'));
    const { stdout, stderr } = await expectCode(1, lab.server('backup'));
    expect(stdout).toContain('Successful Hosts (1):\n  lab1\n');
    expect(stderr).toContain('cannot deliver mail');
    expect(lab.records('server').at(-1)).toMatchObject({ status: 'success' });
  });

  it('the client, which has nothing to tell then, ends with 0', async () => {
    const { stderr } = await expectCode(0, lab.client('backup'));
    expect(stderr).toBe('');
  });

  it('`check` of the server finds a missing mail program before it is needed', async () => {
    const missing = await expectCode(1, lab.server('check'));
    expect(missing.stdout).toMatch(/^FAILED {2}server: mail: Cannot send mail: /m);
    lab.configure();
    const { stdout } = await lab.server('check');
    expect(stdout).toContain(`ok      server: mail: by ${lab.at('deliver')}\n`);
  });
});
