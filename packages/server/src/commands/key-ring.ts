// SPDX-License-Identifier: AGPL-3.0-or-later

import type { SshTarget } from '../config/host.ts';
import type { KeyRing, SeenKey } from '../enrol-host-keys.ts';
import { fingerprint, judgeHostKey } from '../remotes/sftp/host-key.ts';
import { type HostKey, knownHostName, lookupHost } from '../remotes/sftp/known-hosts.ts';
import { appendHostKeys, readKnownHosts } from '../remotes/sftp/known-hosts-file.ts';
import { scanHostKeys } from '../remotes/sftp/scan-host-key.ts';
import type { Session } from './session.ts';

/** The host keys of one machine as it shows them, beside its known_hosts files. */
export function keyRingOf(target: SshTarget, hostname: string, { log, signal }: Session): KeyRing {
  const [file = '/root/.ssh/known_hosts'] = target.knownHostsFiles;
  let shown: readonly HostKey[] = [];
  return {
    name: knownHostName(target.address, target.port),
    file,
    async look() {
      shown = await scanHostKeys(target, { log, signal, hostname });
      const pins = lookupHost(await readKnownHosts(target.knownHostsFiles), target.address, target.port);
      return shown.map(({ type, blob }) => ({
        type,
        fingerprint: fingerprint(blob),
        verdict: judgeHostKey(pins, blob),
      }));
    },
    async pin(confirmed: readonly SeenKey[]) {
      const wanted = new Set(confirmed.map((key) => key.fingerprint));
      const keys = shown.filter(({ blob }) => wanted.has(fingerprint(blob)));
      await appendHostKeys(file, target, keys);
    },
  };
}
