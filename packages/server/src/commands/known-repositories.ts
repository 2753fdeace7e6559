// SPDX-License-Identifier: AGPL-3.0-or-later
import { readFile } from 'node:fs/promises';
import type { RepositoryKeys } from '../stores/keys.ts';
import { type Variables, withRestLogin } from '../stores/restic/environment.ts';
import { createResticStore, type ResticStoreOptions } from '../stores/restic/index.ts';
import { createResticKeys } from '../stores/restic/keys.ts';
import { checkPassword, describePassword, type Password } from '../stores/restic/password.ts';
import { fileOf } from '../stores/restic/secret-place.ts';
import type { Store } from '../stores/store.ts';
import { resticOptionsOf, runOf } from './repositories.ts';
import type { Session } from './session.ts';

/** A repository of the configuration. */
export interface KnownRepository {
  readonly host: string;
  /** Name of the copy; undefined for the host's own repository. */
  readonly copy: string | undefined;
  readonly options: ResticStoreOptions;
}

const COMMAND_TIMEOUT_MS = 60_000;

/** All repositories of all hosts, in the order of the configuration. */
export function knownRepositories(session: Session): readonly KnownRepository[] {
  const copies = session.config.restic.copies.map(({ name }) => name);
  return session.config.hosts.flatMap((host) =>
    [undefined, ...copies].map((copy) => {
      return { host: host.hostname, copy, options: resticOptionsOf(host, session, copy) };
    }),
  );
}

/** The passwords of a repository. */
export function keysOf({ options }: KnownRepository, session: Session): RepositoryKeys {
  return createResticKeys(options, { run: runOf(session), log: session.log });
}

/** The location and the variables that restic gets for a repository, secrets included. */
export async function accessOf({ options }: KnownRepository): Promise<ReturnType<typeof withRestLogin>> {
  const { environment, repository } = options;
  return withRestLogin(repository, typeof environment === 'function' ? await environment() : environment);
}

/**
 * The password itself, as restic takes it: blanks around it do not count. The scrubber learns it first.
 * @throws BackupError where it cannot be had
 */
export async function passwordOf({ options }: KnownRepository, session: Session): Promise<string> {
  const password = (await readPassword(options.password, session)).trim();
  session.scrubber.add(password);
  return password;
}

async function readPassword(password: Password, { run, signal }: Session): Promise<string> {
  if (!('command' in password)) {
    await checkPassword(password);
    return readFile(fileOf(password), 'utf8');
  }
  // restic splits the words itself, much as a shell does. What comes out is tried before anybody relies on it.
  const { stdout } = await run('sh', ['-c', password.command], { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  return stdout;
}

/** Where the server takes the password from, for people. */
export function passwordSource({ options }: KnownRepository): string {
  return describePassword(options.password);
}

/**
 * The store of a repository, opened by this very password. What a command prints for us might not be what it prints for
 * restic; a file is the same for both.
 */
export function storeOpenedBy(password: string, { options }: KnownRepository, session: Session): Store {
  const parts = { run: runOf(session), log: session.log, now: session.now };
  if (!('command' in options.password)) return createResticStore(options, parts);
  const { environment } = options;
  const variables = async (): Promise<Variables> => {
    return { ...(typeof environment === 'function' ? await environment() : environment), RESTIC_PASSWORD: password };
  };
  // restic takes an empty command for none, and then the password of the environment.
  return createResticStore({ ...options, password: { command: '' }, environment: variables }, parts);
}
