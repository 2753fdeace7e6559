// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import type { Run } from '@local-backup/common/exec';
import type { Host } from '../config/host.ts';
import { secretsIn } from '../config/repository-location.ts';
import type { History } from '../stores/history.ts';
import type { Repair } from '../stores/repair.ts';
import { readEnvironment } from '../stores/restic/environment.ts';
import { createResticHistory } from '../stores/restic/history/index.ts';
import { createResticStore, type ResticStoreOptions } from '../stores/restic/index.ts';
import { createResticRepair } from '../stores/restic/repair.ts';
import { createResticUpkeep } from '../stores/restic/upkeep.ts';
import type { Store } from '../stores/store.ts';
import type { Upkeep } from '../stores/upkeep.ts';
import { repositoryOf } from './host-repositories.ts';
import type { Session } from './session.ts';

/** The only place that knows which store a host has. */

/** How long to wait for a repository that another restic has locked, in milliseconds; needs restic 0.16. */
const REPOSITORY_LOCK_WAIT_MS = 5 * 60_000;

/** The history of a host, in the repository that the session is about. */
export function storeOf(host: Host, session: Session): Store {
  const { log, now } = session;
  const parts = { run: runOf(session), log: log.child({ host: host.hostname }), now };
  return createResticStore(resticOptionsOf(host, session, session.copy), parts);
}

/** What looks into the snapshots of a host, and takes things out of them. */
export function historyOf(host: Host, session: Session): History {
  const parts = { run: runOf(session), log: session.log.child({ host: host.hostname }) };
  return createResticHistory(resticOptionsOf(host, session, session.copy), parts);
}

/** What keeps the history of a host in order. @param copy its copy of this name, instead of its first repository */
export function upkeepOf(host: Host, session: Session, copy?: string): Upkeep {
  const { config, log, now } = session;
  const { commandTimeoutMs, maintenance } = config.restic;
  const timeouts = { queryMs: commandTimeoutMs, upkeepMs: maintenance.commandTimeoutMs };
  const parts = { run: runOf(session), log: log.child({ host: host.hostname }), now };
  return createResticUpkeep({ ...resticOptionsOf(host, session, copy), timeouts }, parts);
}

/** What mends the history of a host where it is damaged. */
export function repairOf(host: Host, session: Session): Repair {
  const { config, log } = session;
  const timeouts = {
    queryMs: config.restic.commandTimeoutMs,
    upkeepMs: config.restic.maintenance.commandTimeoutMs,
  };
  const parts = { run: runOf(session), log: log.child({ host: host.hostname }) };
  return createResticRepair({ ...resticOptionsOf(host, session), timeouts }, parts);
}

/**
 * Where a repository of a host is, and how it is opened.
 * @param copy its copy of this name, instead of its first repository
 */
export function resticOptionsOf(host: Host, { config, scrubber }: Session, copy?: string): ResticStoreOptions {
  const { restic, stateDir } = config;
  const { location, password, environment } = repositoryOf(host, config, copy);
  const [program = 'restic'] = restic.command;
  for (const secret of secretsIn(location)) scrubber.add(secret);
  return {
    host: host.hostname,
    repository: location,
    password,
    program,
    cacheDirectory: join(stateDir, 'restic-cache'),
    environment: environment === undefined ? {} : () => readEnvironment(environment, scrubber.add),
    lockWaitMs: REPOSITORY_LOCK_WAIT_MS,
    backupOptions: restic.backupOptions,
    pinFile: join(stateDir, 'repositories', `${host.hostname}${copy === undefined ? '' : `@${copy}`}.json`),
    timeouts: {
      queryMs: restic.commandTimeoutMs,
      saveMs: restic.backupTimeoutMs,
      restoreMs: restic.restoreTimeoutMs,
    },
  };
}

interface RunParts extends Pick<Session, 'run' | 'scrubber'> {
  readonly config: { readonly restic: Pick<Session['config']['restic'], 'command'> };
}

/**
 * `restic_cmd` may be more than the name of a program, `nice restic` for example. What it says for people becomes messages
 * and records: secrets are taken out before anybody reads it.
 */
export function runOf({ config, run, scrubber }: RunParts): Run {
  const [, ...words] = config.restic.command;
  return async (name, args, settings) => {
    const result = await run(name, [...words, ...args], settings);
    return { ...result, stderr: scrubber.scrub(result.stderr) };
  };
}
