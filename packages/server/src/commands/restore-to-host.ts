// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { stampOf } from '@local-backup/common/archive-name';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import type { ManifestService } from '@local-backup/common/manifest';
import { type RestoreManifest, SPOOL_RESTORE } from '@local-backup/common/restore-tar';
import type { Host } from '../config/host.ts';
import { describeSelection, renderVerified } from '../report/render-restore.ts';
import { stampOfSnapshot } from '../report/render-snapshots.ts';
import { chooseService } from '../restore/restore-selection.ts';
import { restoreSnapshot } from '../restore/restore-snapshot.ts';
import { openProof } from '../restore/snapshot-proof.ts';
import { sendService } from '../restore/to-host.ts';
import { withScratchCopy } from '../restore/to-host-place.ts';
import { connectTo } from './adapters.ts';
import { describeFound, type FoundSnapshot, foundAsJson, hostNamed } from './find-snapshot.ts';
import { createProgress } from './progress.ts';
import { historyOf } from './repositories.ts';
import type { Session } from './session.ts';

export interface ToHostRequest {
  readonly found: FoundSnapshot;
  /** Name of the host of the configuration that gets it. */
  readonly to: string;
  /** By `type/name` or name; one at least. */
  readonly services: readonly string[];
  readonly checkSpace: boolean;
}

/** A day; `minimum_rate` and the connection's own limits notice a stalled transfer long before. */
const SEND_TIMEOUT_MS = 24 * 3_600_000;

/**
 * `restore HOST --service NAME --to-host OTHER`: restores into a directory here, compares it with what was saved, and
 * sends each service to the host as a tar file, for `backup-client restore` there.
 * @throws BackupError `usage`, `failed`; nothing is sent that is not as it was saved
 */
export async function restoreToHost(session: Session, request: ToHostRequest): Promise<number> {
  const { config, json, print, run } = session;
  const { found } = request;
  const target = hostNamed(session, request.to);
  const say = json ? () => undefined : print;
  say(describeFound(found));
  const services = await servicesOf(session, request);
  // Before the work: a host that cannot be reached is told at once.
  await (await connectTo(target, session.log, session.signal)).close();
  const sent = await withScratchCopy(config.localTempBaseDir, run, async (scratch) => {
    const tree = join(scratch, 'tree');
    await restoreInto(session, tree, { request, services, say });
    return sendAll(session, tree, { found, target, services });
  });
  const place = join(target.remoteTarDir, SPOOL_RESTORE);
  for (const { tar, bytes } of sent) say(`Sent to ${target.hostname}: ${join(place, tar)}, ${formatBytes(bytes)}`);
  for (const { type, name } of services) {
    say(`Next, on ${target.hostname}: backup-client restore ${type}/${name} --in-place   (--dry-run shows the plan)`);
  }
  if (json) print(JSON.stringify({ ...foundAsJson(found), toHost: target.hostname, directory: place, sent }));
  return 0;
}

async function servicesOf(session: Session, { found, services }: ToHostRequest): Promise<readonly ManifestService[]> {
  if (services.length === 0) {
    throw new BackupError('usage', 'Say which service goes to the host: --service NAME (may be given again).');
  }
  const proof = await openProof(historyOf(found.host, session), found.snapshot.id, session.signal);
  try {
    const manifest = await proof.manifest(WITHOUT_MANIFEST);
    const chosen = new Set(services.map((wanted) => chooseService(manifest, wanted)));
    return manifest.services.filter(({ type, name }) => chosen.has(`${type}/${name}`));
  } finally {
    await proof.remove();
  }
}

/** A client has to be told what it gets. */
const WITHOUT_MANIFEST =
  'So it cannot be sent to a host. Restore with --to DIR (and --path instead of --service), and copy what is needed to ' +
  'its place on the host: rsync -aHAX --numeric-ids';

interface Restoring {
  readonly request: ToHostRequest;
  readonly services: readonly ManifestService[];
  readonly say: (line: string) => void;
}

async function restoreInto(session: Session, tree: string, { request, services, say }: Restoring): Promise<void> {
  const { signal, log } = session;
  const { failure, verified } = await restoreSnapshot({
    history: historyOf(request.found.host, session),
    snapshot: request.found.snapshot.id,
    target: tree,
    services: services.map(({ type, name }) => `${type}/${name}`),
    paths: [],
    overwrite: false,
    verify: true,
    checkSpace: request.checkSpace,
    signal,
    watch: {
      unproven: (error) => log.warn('the list of entries cannot be read; going on without it', { error }),
      restoring: (selection, measured) => say(describeSelection(selection, measured)),
      failed: (error) => log.warn('not all could be restored; comparing what came back', { error }),
      verifying: () => undefined,
      verified: () => undefined,
    },
  });
  for (const line of verified === undefined ? [] : renderVerified(tree, verified)) say(line);
  if (failure !== undefined) throw failure;
  if (verified?.differenceCount === 0) return;
  const what = verified === undefined ? 'it could not be compared with what was saved' : 'it is not as it was saved';
  throw new BackupError('failed', `Nothing was sent, because ${what}. To look at it: restore it with --to DIR.`);
}

interface Sending {
  readonly found: FoundSnapshot;
  readonly target: Host;
  readonly services: readonly ManifestService[];
}

async function sendAll(
  session: Session,
  tree: string,
  { found, target, services }: Sending,
): Promise<readonly RestoreManifest[]> {
  const { config, log, signal, stream, now } = session;
  const { bandwidth, minimumRate } = target;
  const { snapshot, host } = found;
  const total = services.reduce((sum, { bytes }) => sum + bytes, 0);
  const progress = createProgress();
  const remote = await connectTo(target, log, signal);
  const io = {
    ...{ remote, stream, now, signal, tar: config.tools.tar, timeoutMs: SEND_TIMEOUT_MS },
    upload: { minimumRate, ...(bandwidth === undefined ? {} : { bandwidth }) },
    onSent: (bytes: number) => progress.show('sent', bytes, total),
  };
  const stamp = stampOfSnapshot(snapshot) ?? stampOf(new Date(snapshot.time));
  try {
    const sent: RestoreManifest[] = [];
    for (const service of services) {
      signal.throwIfAborted();
      sent.push(await sendService({ tree, service, hostname: host.hostname, stamp, snapshot: snapshot.id }, io));
    }
    return sent;
  } finally {
    progress.end();
    await remote.close();
  }
}
