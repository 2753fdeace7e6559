// SPDX-License-Identifier: AGPL-3.0-or-later

/** What has to be set up on a host so that the server can log in and do nothing else. */
export interface Access {
  readonly hostname: string;
  readonly user: string;
  /** The client's spool. */
  readonly spool: string;
  /** `ssh-ed25519 AAAA...`, or undefined where the key is held by an agent. */
  readonly publicKey: string | undefined;
  /** Name of the server, for the comment behind the key. */
  readonly server: string;
}

/** The snippet's place on the client: Debian's sshd_config includes all `*.conf` of this directory. */
const SSHD_SNIPPET = '/etc/ssh/sshd_config.d/local-backup.conf';

/**
 * What to do on the host, for people: the key with `restrict` (no forwarding, no terminal) and an account that gets
 * SFTP whatever it asks for.
 */
export function renderAccess({ hostname, user, spool, publicKey, server }: Access): readonly string[] {
  const key = publicKey === undefined ? 'PUBLIC-KEY-OF-THE-AGENT' : publicKey;
  return [
    `On ${hostname}, so that the server may fetch from ${spool} and do nothing else:`,
    '',
    'With the package backup-client, 2 and 3 are in place, and the line goes into /etc/ssh/backup-client.keys.',
    '',
    `  1. One line in ~${user}/.ssh/authorized_keys (owned by ${user}, mode 0600):`,
    '',
    `restrict ${key} backup-server@${server}`,
    '',
    `  2. ${SSHD_SNIPPET}, then: systemctl reload ssh`,
    '',
    `Match User ${user}`,
    '    ForceCommand internal-sftp',
    '    AuthenticationMethods publickey',
    '    DisableForwarding yes',
    '    PermitTTY no',
    '',
    `  3. ${user} must be backup_user of the client: archives belong to that account, and the spool lets everybody move`,
    '     only what is their own. The server moves stored archives to done/.',
  ];
}
