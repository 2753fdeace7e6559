// SPDX-License-Identifier: AGPL-3.0-or-later
import { afterEach, expect, it } from 'vitest';
import { forwardsAfter, probeConfinement } from '../../packages/server/src/remotes/sftp/confinement.ts';
import { silentLog } from '../helpers/silent-log.ts';
import { type Sshd, type SshdOptions, startSshd } from '../helpers/sshd.ts';

const { signal } = new AbortController();
const running: Sshd[] = [];
afterEach(async () => {
  for (const sshd of running.splice(0)) await sshd.stop();
});

async function probe(options: SshdOptions) {
  const sshd = await startSshd(options);
  running.push(sshd);
  return probeConfinement(sshd.target(), { log: silentLog, signal });
}

const LOCKED = { runsCommands: false, hasShell: false, forwards: false };

it('an ordinary login can do everything', async () => {
  const found = await probe({});
  expect(found).toEqual({ runsCommands: true, hasShell: true, forwards: true, isRoot: true });
});

it('`restrict` alone still runs commands', async () => {
  expect(await probe({ restrict: true })).toMatchObject({ runsCommands: true, hasShell: true, forwards: false });
});

it('internal-sftp alone still forwards', async () => {
  expect(await probe({ forceInternalSftp: true })).toMatchObject({ ...LOCKED, forwards: true });
});

it('what `init` tells to set up locks the account up', async () => {
  const config = ['DisableForwarding yes', 'PermitTTY no'];
  expect(await probe({ restrict: true, forceInternalSftp: true, config })).toMatchObject(LOCKED);
});

it('an account that is not root may not change /etc/passwd', async () => {
  const options = { user: 'backup', restrict: true, forceInternalSftp: true };
  expect(await probe(options)).toEqual({ ...LOCKED, isRoot: false });
});

it('a server that allows one session at a time is looked through all the same', async () => {
  expect(await probe({ config: ['MaxSessions 1'] })).toMatchObject({ runsCommands: true, hasShell: true });
});

it('a server that knows no forwarding is not accused of it; one that found nobody listening has tried', () => {
  const [prohibited, connectFailed, unknownChannelType] = [1, 2, 3];
  expect([prohibited, connectFailed, unknownChannelType].map(forwardsAfter)).toEqual([false, true, false]);
});

it('a host that does not answer is an error, not a locked account', async () => {
  const sshd = await startSshd({});
  running.push(sshd);
  const options = { log: silentLog, signal };
  await expect(probeConfinement(sshd.target({ port: 1 }), options)).rejects.toMatchObject({ code: 'failed' });
});
