// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError, describeError } from '@local-backup/common/errors';
import { canAsk } from '@local-backup/common/questions/questions';
import type { Host, SshTarget } from '../config/host.ts';
import { enrolHostKeys } from '../enrol-host-keys.ts';
import { loadPrivateKey } from '../remotes/sftp/private-key.ts';
import { renderAccess } from '../render-access.ts';
import { labelled } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { askFor } from './ask.ts';
import { copyStoresOf } from './copies.ts';
import { offerTimers } from './init-timers.ts';
import { keyRingOf } from './key-ring.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface InitOptions {
  /** Fingerprint of a host key that somebody has compared already; nobody is asked then. */
  readonly acceptHostKey?: string;
  /** Start the runs on their own from now on; without it somebody is asked, or told how. */
  readonly enableTimers?: boolean;
}

/** `backup-server init [HOST...]`: repositories, host keys, what has to be done on the hosts, and the timers. */
export async function init(session: Session, names: readonly string[], options: InitOptions): Promise<number> {
  const code = await initHosts(session, names, options);
  // Nobody is asked at the end of what went wrong: there is something else to be done first.
  await offerTimers(session, options.enableTimers, code === 0 && canAsk());
  return code;
}

/** All but the timers. */
export async function initHosts(session: Session, names: readonly string[], options: InitOptions): Promise<number> {
  const { config, log, print, signal } = session;
  const { hosts, rejectedHosts } = selectHosts(config, names);
  if (options.acceptHostKey !== undefined && hosts.length !== 1) {
    throw new BackupError('usage', '--accept-host-key is about the key of one host: name exactly one HOST.');
  }
  for (const rejected of rejectedHosts) log.error(rejected.message);
  let failures = rejectedHosts.length;
  for (const host of hosts) {
    signal.throwIfAborted();
    print(`== ${host.hostname}`);
    failures += await initHost(host, session, options);
    print('');
  }
  return failures === 0 ? 0 : 1;
}

/** Whoever pastes what comes next would be shut out of the host. */
const ABOUT_ROOT = [
  'CAREFUL: ssh_user is root, and the steps below take commands and shells from every login of root. First make an',
  'account of its own on the host, and set ssh_user to it.',
  '',
];

/** Each part on its own: a host that cannot be reached yet gets its repository all the same. */
async function initHost(host: Host, session: Session, { acceptHostKey }: InitOptions): Promise<number> {
  const { print, signal, config } = session;
  const parts = [
    async () => {
      const { created, id } = await storeOf(host, session).init(signal);
      print(`repository: ${created ? 'created' : 'is there'}, id ${id.slice(0, 12)}`);
    },
    // After the first repository, because a copy takes over how that one cuts data into pieces.
    ...copyStoresOf(host, session).map(({ copy, store }) => async () => {
      const { created, id } = await store.store.init(signal);
      print(`copy "${copy.name}": ${created ? 'created' : 'is there'}, id ${id.slice(0, 12)}`);
    }),
    async () => {
      const access = {
        hostname: host.hostname,
        user: host.ssh.user,
        spool: host.remoteTarDir,
        server: config.hostname,
      };
      if (access.user === 'root') for (const line of ABOUT_ROOT) print(line);
      for (const line of renderAccess({ ...access, publicKey: await publicKeyOf(host) })) print(line);
    },
    async () => {
      for (const target of wayTo(host.ssh)) {
        await enrolHostKeys(keyRingOf(target, host.hostname, session), {
          accept: acceptHostKey,
          print,
          ask: askFor(signal),
        });
      }
    },
  ];
  let failures = 0;
  for (const part of parts) {
    try {
      await part();
    } catch (error) {
      signal.throwIfAborted();
      for (const line of labelled('FAILED: ', describeError(error))) print(line);
      failures += 1;
    }
  }
  return failures;
}

/** The machines that are logged in to on the way to a host, the first one first. */
function wayTo(target: SshTarget): readonly SshTarget[] {
  return target.jump === undefined ? [target] : [...wayTo(target.jump), target];
}

async function publicKeyOf({ ssh }: Host): Promise<string | undefined> {
  return ssh.keyFile === undefined ? undefined : (await loadPrivateKey(ssh.keyFile, ssh.passphraseFile)).publicLine;
}
