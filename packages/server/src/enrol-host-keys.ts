// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';

/** A host key as the machine shows it now, compared with what known_hosts says. */
export interface SeenKey {
  /** `ssh-ed25519` */
  readonly type: string;
  /** `SHA256:...` */
  readonly fingerprint: string;
  readonly verdict: 'trusted' | 'unknown' | 'changed' | 'revoked';
}

/** The host keys of one machine. */
export interface KeyRing {
  /** `web1`, or `[web1]:2222`. */
  readonly name: string;
  /** The file that new keys go to. */
  readonly file: string;
  /** What the machine shows. Proves nothing. @throws BackupError when it cannot be reached */
  look(): Promise<readonly SeenKey[]>;
  /** Writes these keys into `file`. */
  pin(keys: readonly SeenKey[]): Promise<void>;
}

/** Who decides about unknown keys. */
export interface Judge {
  /** Fingerprint given on the command line; nobody is asked then. */
  readonly accept: string | undefined;
  /** Shows a line of text. */
  readonly print: (line: string) => void;
  /** Asks a person; undefined where there is no terminal. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
}

/**
 * Makes sure that known_hosts has a key of the machine, recording what it shows only after somebody has confirmed it.
 *
 * @throws BackupError `untrusted` where a key has changed or was revoked, or nobody confirmed it
 */
export async function enrolHostKeys(ring: KeyRing, judge: Judge): Promise<void> {
  const seen = await ring.look();
  if (seen.length === 0) throw new BackupError('failed', `${ring.name} shows no host key of a supported type.`);
  refuseBadKeys(ring, seen);
  if (seen.some((key) => key.verdict === 'trusted')) {
    judge.print(`host key of ${ring.name}: known`);
    return;
  }
  judge.print(`${ring.name} is not known yet. It shows:`);
  for (const key of seen) judge.print(`  ${key.type} ${key.fingerprint}`);
  judge.print('Compare this on its own console: for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done');
  const confirmed = await confirm(ring, seen, judge);
  await ring.pin(confirmed);
  judge.print(`host key of ${ring.name}: recorded in ${ring.file}`);
}

function refuseBadKeys(ring: KeyRing, seen: readonly SeenKey[]): void {
  const bad = seen.find((key) => key.verdict === 'changed' || key.verdict === 'revoked');
  // One trusted key is enough: a machine may show more kinds of keys than have been recorded.
  if (bad === undefined || (bad.verdict === 'changed' && seen.some((key) => key.verdict === 'trusted'))) return;
  throw new BackupError(
    'untrusted',
    `The host key of ${ring.name} is not the recorded one: it shows ${bad.type} ${bad.fingerprint} (${bad.verdict}). Nothing was recorded. If the machine was set up anew, take the old key out first: ssh-keygen -R '${ring.name}' -f ${ring.file}`,
  );
}

async function confirm(ring: KeyRing, seen: readonly SeenKey[], judge: Judge): Promise<readonly SeenKey[]> {
  if (judge.accept !== undefined) {
    const accepted = seen.filter((key) => key.fingerprint === judge.accept);
    if (accepted.length > 0) return accepted;
    throw new BackupError(
      'untrusted',
      `${ring.name} does not show the key ${judge.accept}. Nothing was recorded. Somebody may be in between, or the fingerprint is that of another machine.`,
    );
  }
  const answer = await judge.ask?.(`Are these the keys of ${ring.name}? Type yes to record them: `);
  if (answer?.trim() === 'yes') return seen;
  throw new BackupError(
    'untrusted',
    `The host key of ${ring.name} was not confirmed, so nothing was recorded. Answer yes on a terminal, or give the fingerprint: --accept-host-key ${seen[0]?.fingerprint}`,
  );
}
