// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Finding } from '../check-list.ts';
import type { Host } from '../config/host.ts';
import type { Remote } from '../remotes/remote.ts';
import { probeConfinement } from '../remotes/sftp/confinement.ts';
import { humanDuration } from '../report/text.ts';
import type { Session } from './session.ts';

/** Clocks differ by less than this where they are kept by the network. */
const MOST_SKEW_MS = 60_000;

/** Tries what the login must not be able to do: whoever gets hold of the server's key could do it too. */
export async function lookAtConfinement(host: Host, { log, signal }: Session): Promise<Finding> {
  const { hostname, ssh } = host;
  const found = await probeConfinement(ssh, { log, signal, hostname });
  const abilities = [
    ...(found.runsCommands ? ['run commands'] : []),
    ...(found.hasShell ? ['get a shell'] : []),
    ...(found.forwards ? ['open connections through the host'] : []),
    ...(found.isRoot ? ['change any file (it is root, or as good as that)'] : []),
  ];
  if (abilities.length === 0) return 'SFTP alone: no command, no shell, no forwarding, not root';
  const advice = found.isRoot ? 'Give it an account of its own' : 'Lock the account up';
  return {
    warning: `${ssh.user} can do more than fetch: ${abilities.join(', ')}. ${advice} as this tells: backup-server init ${hostname}`,
  };
}

/**
 * What the clock of a host shows beside ours, by the time of a file that was made just now. Archives are named and ordered
 * by the clock of the host.
 * @param probe an empty file in the spool, just created
 * @returns what is wrong; undefined where they agree
 */
export async function clockComplaint(
  remote: Pick<Remote, 'stat'>,
  probe: string,
  now: Date,
): Promise<string | undefined> {
  const made = await remote.stat(probe);
  if (made === undefined) return undefined;
  const skew = made.mtime * 1_000 - now.getTime();
  if (Math.abs(skew) <= MOST_SKEW_MS) return undefined;
  const which = skew > 0 ? 'ahead of' : 'behind';
  return `its clock is ${humanDuration(Math.abs(skew))} ${which} that of this server: look at timedatectl on both`;
}
