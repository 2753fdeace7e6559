// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import type { Host } from '../config/host.ts';
import { type Pin, readPins, writePins } from '../maintenance/pins.ts';
import { formatTime, table } from '../report/text.ts';
import { selectHosts } from '../select-hosts.ts';
import { chooseSnapshot } from '../stores/choose-snapshot.ts';
import type { Snapshot } from '../stores/store.ts';
import { withPinsHeld } from './pin-lock.ts';
import { storeOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface PinOptions {
  readonly reason: string;
  /** Undefined: look into the repositories of all hosts. */
  readonly host?: string;
}

/** `backup-server pin SNAPSHOT --reason TEXT`: that snapshot is never forgotten. Pinning it again changes the reason. */
export async function pin(session: Session, wanted: string, { reason, host: name }: PinOptions): Promise<number> {
  const { config, print, now, signal } = session;
  if (reason.trim() === '') throw new BackupError('usage', '--reason must not be empty: somebody will ask for it.');
  const { host, snapshot } = await findSnapshot(session, wanted, name);
  const { hostname } = host;
  await withPinsHeld(host, session, signal, async () => {
    // Asked again: it may have been forgotten while the lock was waited for.
    const { id, time } = chooseSnapshot(await storeOf(host, session).snapshots(signal), snapshot.id, hostname);
    // Of the same time: the same snapshot, that restic has given another id since.
    const others = (await readPins(config.stateDir, hostname)).filter(({ taken }) => taken !== time);
    const made = { snapshot: id, taken: time, reason: reason.trim(), pinned: now().toISOString() };
    await writePins(config.stateDir, hostname, [...others, made]);
  });
  print(`Pinned ${snapshot.id.slice(0, 8)} of ${hostname}, taken ${formatTime(snapshot.time)}: it is never forgotten.`);
  return 0;
}

/** `backup-server unpin SNAPSHOT`: the policy decides about it again. Also for snapshots that are gone. */
export async function unpin(
  session: Session,
  wanted: string,
  { host: name }: Pick<PinOptions, 'host'>,
): Promise<number> {
  const { config, print, signal } = session;
  const found: { readonly host: Host; readonly pin: Pin }[] = [];
  for (const host of hostsNamed(session, name)) {
    const pins = await readPins(config.stateDir, host.hostname);
    // No shorter than chooseSnapshot takes it.
    const same = wanted.length < 8 ? [] : pins.filter(({ snapshot }) => snapshot.startsWith(wanted));
    found.push(...same.map((one) => ({ host, pin: one })));
  }
  const [only] = found;
  if (only === undefined || found.length > 1) {
    const problem = found.length > 1 ? 'More than one pinned snapshot' : 'No pinned snapshot';
    const advice = '"backup-server pins" lists them; give at least 8 characters.';
    throw new BackupError('usage', `${problem} has the id "${showControls(wanted)}". ${advice}`);
  }
  const { host, pin: gone } = only;
  await withPinsHeld(host, session, signal, async () => {
    const pins = await readPins(config.stateDir, host.hostname);
    const others = pins.filter(({ snapshot }) => snapshot !== gone.snapshot);
    await writePins(config.stateDir, host.hostname, others);
  });
  print(`Unpinned ${gone.snapshot.slice(0, 8)} of ${host.hostname} ("${showControls(gone.reason)}").`);
  return 0;
}

/** `backup-server pins [HOST...]`. Pins that cannot be read are told in the log; the others are listed all the same. */
export async function pins(session: Session, names: readonly string[]): Promise<number> {
  const { config, json, log, print } = session;
  const listed: (Pin & { readonly host: string })[] = [];
  let failures = 0;
  for (const { hostname: host } of selectHosts(config, names).hosts) {
    try {
      listed.push(...(await readPins(config.stateDir, host)).map((one) => ({ host, ...one })));
    } catch (error) {
      failures += 1;
      log.error('the pins cannot be listed', { host, error });
    }
  }
  if (json) print(JSON.stringify(listed, undefined, 2));
  else for (const line of renderPins(listed)) print(line);
  return failures === 0 ? 0 : 1;
}

function renderPins(listed: readonly (Pin & { readonly host: string })[]): readonly string[] {
  if (listed.length === 0) return ['No snapshot is pinned.'];
  const head = ['HOST', 'SNAPSHOT', 'TAKEN', 'REASON'];
  return table([
    head,
    ...listed.map(({ host, snapshot, taken, reason }) => {
      return [host, snapshot.slice(0, 8), formatTime(taken), showControls(reason)];
    }),
  ]);
}

function hostsNamed({ config }: Session, name: string | undefined): readonly Host[] {
  const { hosts } = selectHosts(config, name === undefined ? [] : [name]);
  if (hosts.length > 0) return hosts;
  throw new BackupError('config', `The configuration of ${name} is wrong; see: backup-server check ${name}`);
}

interface FoundSnapshot {
  readonly host: Host;
  readonly snapshot: Snapshot;
}

/** Ids of different repositories differ, so the first characters of one name it in all of them. */
async function findSnapshot(session: Session, wanted: string, name: string | undefined): Promise<FoundSnapshot> {
  const { log, signal } = session;
  const hosts = hostsNamed(session, name);
  const found: FoundSnapshot[] = [];
  const unread: string[] = [];
  for (const host of hosts) {
    const snapshots = await storeOf(host, session)
      .snapshots(signal)
      .catch((error: unknown) => {
        signal.throwIfAborted();
        if (hosts.length === 1 || !(error instanceof BackupError)) throw error;
        log.warn('the snapshots cannot be listed', { host: host.hostname, error });
        unread.push(host.hostname);
        return [];
      });
    if (!snapshots.some(({ id }) => id.startsWith(wanted))) continue;
    found.push({ host, snapshot: chooseSnapshot(snapshots, wanted, host.hostname) });
  }
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  throw new BackupError('usage', notFound(wanted, { hosts, found, unread }));
}

function notFound(
  wanted: string,
  {
    hosts,
    found,
    unread,
  }: { readonly hosts: readonly Host[]; readonly found: readonly FoundSnapshot[]; readonly unread: readonly string[] },
): string {
  const shown = showControls(wanted);
  if (found.length > 1) {
    const owners = found.map(({ host }) => host.hostname).join(', ');
    return `Snapshots of ${owners} have ids that begin with "${shown}". Say which with --host, or give more characters.`;
  }
  const where = hosts.length === 1 ? hosts[0]?.hostname : 'any host';
  const left = unread.length === 0 ? '' : ` The repositories of ${unread.join(', ')} could not be read.`;
  return `No snapshot of ${where} has the id "${shown}".${left} "backup-server snapshots" lists them; give at least 8 characters.`;
}
