// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { withoutCredentials } from '../../config/repository-location.ts';
import type { Brought, CopyStore } from '../copy.ts';
import type { Snapshot, Store } from '../store.ts';
import { copyArgs } from './args.ts';
import { mergedVariables, type Variables, variablesOf, withRestLogin } from './environment.ts';
import { createResticStore, type ResticStoreOptions, type ResticStoreParts } from './index.ts';
import { absentIn, toBeCopied } from './missing.ts';
import { checkPassword, passwordEnvironment } from './password.ts';
import { createRestic, type ResticSettings } from './restic.ts';

export interface ResticCopyOptions extends ResticStoreOptions {
  /** The first repository of the host. */
  readonly copyOf: ResticStoreOptions;
  /** It forgets by a policy of its own: what is gone there is not copied again. */
  readonly hasOwnPolicy: boolean;
  /** Time limit of one call of `restic copy`, in milliseconds. */
  readonly copyMs: number;
}

/** Ids in the arguments of one call; each has 64 characters. */
const IDS_PER_CALL = 500;

/** A further repository of one host. */
export function createResticCopy(options: ResticCopyOptions, parts: ResticStoreParts): CopyStore {
  const { copyOf, hasOwnPolicy, copyMs } = options;
  const environment = environmentOfBoth(options, copyOf);
  const restic = createRestic({ ...options, environment }, parts);
  const store = createResticStore({ ...options, beside: restic }, parts);
  const first = createResticStore(copyOf, parts);

  const check = async (signal: AbortSignal): Promise<void> => {
    await environment();
    await store.check(signal);
  };

  const bring = async (signal: AbortSignal): Promise<Brought> => {
    await check(signal);
    const here = await first.snapshots(signal);
    const wanted = toBeCopied(here, await store.snapshots(signal), { onlyNewer: hasOwnPolicy });
    for (let start = 0; start < wanted.length; start += IDS_PER_CALL) {
      const ids = wanted.slice(start, start + IDS_PER_CALL).map(({ id }) => id);
      await restic.call(copyArgs(ids), { signal, timeoutMs: copyMs, locks: true });
    }
    const there = await store.snapshots(signal);
    requireAll([...wanted, ...here.slice(-1)], there, options);
    return { copied: wanted.length, newest: there.at(-1)?.time };
  };

  return { check, store: withoutSave(store), bring };
}

/** Nothing but copies gets into it. */
function withoutSave({ check, init, snapshots }: Store): Omit<Store, 'save'> {
  return { check, init, snapshots };
}

function requireAll(wanted: readonly Snapshot[], there: readonly Snapshot[], { host, repository }: ResticSettings) {
  const absent = absentIn(wanted, there);
  if (absent.length === 0) return;
  throw new BackupError(
    'failed',
    `restic copy reported success, but ${absent.length} of ${wanted.length} snapshots of ${host} are not at ` +
      `${withoutCredentials(repository)}, ${absent[0]?.id.slice(0, 8)} of ${absent[0]?.time} for example. The next run ` +
      'tries again; if this stays, look at both repositories with "restic check".',
  );
}

/** What one restic process needs for two repositories: that of `settings`, and another that is only read. */
function environmentOfBoth(settings: ResticSettings, from: ResticSettings): () => Promise<Variables> {
  return async () => {
    await checkPassword(from.password);
    const source = withRestLogin(from.repository, await variablesOf(from.environment));
    const target = { repository: settings.repository, variables: await variablesOf(settings.environment) };
    return {
      ...mergedVariables(source, target),
      ...passwordEnvironment(from.password, 'RESTIC_FROM'),
      RESTIC_FROM_REPOSITORY: source.repository,
    };
  };
}
