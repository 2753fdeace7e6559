// SPDX-License-Identifier: AGPL-3.0-or-later
import { homedir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { readConfigFile } from '@local-backup/common/config/file';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { describeError } from '@local-backup/common/errors';
import { VERSION } from '@local-backup/common/version';
import { SERVER_CONFIG_FILE } from '../config/config.ts';
import type { SshTarget } from '../config/host.ts';
import { withoutCredentials } from '../config/repository-location.ts';
import {
  type Collected,
  collectFiles,
  directoriesOf,
  filesBelow,
  type WantedFile,
} from '../recovery-kit/collect-files.ts';
import type { Kit } from '../recovery-kit/kit.ts';
import { KIT_STATE_FILE } from '../recovery-kit/kit-state.ts';
import { filesInVariables, filesNamedIn } from '../recovery-kit/named-files.ts';
import type { KitRepository } from '../recovery-kit/render-readme.ts';
import { readPin } from '../stores/restic/pin.ts';
import {
  accessOf,
  type KnownRepository,
  knownRepositories,
  passwordOf,
  passwordSource,
  storeOpenedBy,
} from './known-repositories.ts';
import { commonConfigBeside, type Session } from './session.ts';

/** Copied back by nobody: it is made again, or belongs to the old machine. */
const NOT_STATE = ['runs', 'logs', 'live', 'restic-cache', 'outbox', KIT_STATE_FILE];

/** Of the files that were stored last, as large as a host is; an old one would be worse than none. */
const ENTRY_LIST = /\.entries\.gz(?:\.partial)?$/;

const COMMAND_TIMEOUT_MS = 60_000;

/** What goes into a kit now. What cannot be had is among its problems; the rest is gathered all the same. */
export async function gatherKit(session: Session): Promise<Kit> {
  const { config, now } = session;
  const configured = await configurationFiles(session);
  const known = new Set(configured.files.map(({ path }) => path));
  const state = await collectFiles((await stateFiles(session)).filter(({ path }) => !known.has(path)));
  const files = [...configured.files, ...state.files];
  const opened = [];
  for (const repository of knownRepositories(session)) opened.push(await openRepository(repository, session));
  const rejected = config.rejectedHosts.map(({ hostname = 'a host without a name' }) => {
    return `${hostname}: its configuration is wrong, so its keys and its password are not in here.`;
  });
  return {
    server: config.hostname,
    written: now().toISOString(),
    program: `backup-server ${VERSION}`,
    restic: await resticVersion(session),
    configFile: resolve(session.configFile),
    isUsualConfigFile: resolve(session.configFile) === SERVER_CONFIG_FILE,
    localTempBaseDir: config.localTempBaseDir,
    repositories: opened.map(({ repository }) => repository),
    problems: [...rejected, ...configured.problems, ...state.problems, ...opened.flatMap(({ problems }) => problems)],
    files: [...(await directoriesOf(files)), ...files],
    secrets: opened.map(({ password, environment }) => ({ password, environment })),
  };
}

/** The files whose change makes a kit old, and the lists of host keys. */
export async function configurationFiles(session: Session): Promise<Collected> {
  const { config } = session;
  const file = resolve(session.configFile);
  const named = filesNamedIn(readYaml(await readConfigFile(file), file).value);
  const accesses = await Promise.all(knownRepositories(session).map(accessIfKnown));
  return collectFiles([
    { path: file, kind: 'configuration', neededFor: 'everything' },
    { path: commonConfigBeside(file), kind: 'configuration' },
    ...config.hosts.flatMap(({ hostname, ssh }) => loginFiles(hostname, ssh)),
    ...named,
    ...(await filesBelow(join(config.stateDir, 'repositories'))).filter(isPin).map(toConfiguration),
    ...accesses.flatMap(({ variables }) => filesInVariables(variables)),
    ...(await homeFiles(accesses)),
  ]);
}

function loginFiles(hostname: string, { keyFile, passphraseFile, knownHostsFiles, jump }: SshTarget): WantedFile[] {
  const neededFor = `logging in to ${hostname}`;
  const secret = (path: string): WantedFile => ({ path, kind: 'configuration', neededFor });
  return [
    ...(keyFile === undefined ? [] : [secret(keyFile), { path: `${keyFile}.pub`, kind: 'configuration' } as const]),
    ...(passphraseFile === undefined ? [] : [secret(passphraseFile)]),
    // Whoever logs in anywhere from here changes them; they do not make a kit old.
    ...knownHostsFiles.map((path) => ({ path, kind: 'state' }) as const),
    ...(jump === undefined ? [] : loginFiles(hostname, jump)),
  ];
}

type Access = Awaited<ReturnType<typeof accessOf>>;

/** What cannot be had is told where the repository is opened. */
function accessIfKnown(known: KnownRepository): Promise<Access> {
  return accessOf(known).catch(() => ({ repository: known.options.repository, variables: {} }));
}

/** What the programs need that restic calls for some kinds of repository. */
async function homeFiles(accesses: readonly Access[]): Promise<readonly WantedFile[]> {
  const wanted: WantedFile[] = [];
  if (accesses.some(({ repository }) => repository.startsWith('sftp:'))) {
    const found = await filesBelow(join(homedir(), '.ssh'));
    for (const { path } of found) {
      const kind = basename(path).startsWith('known_hosts') ? 'state' : 'configuration';
      if (!basename(path).startsWith('authorized_keys')) wanted.push({ path, kind });
    }
  }
  if (accesses.some(({ repository, variables }) => repository.startsWith('rclone:') && !variables.RCLONE_CONFIG)) {
    const path = join(homedir(), '.config/rclone/rclone.conf');
    wanted.push({ path, kind: 'configuration', neededFor: 'repositories of rclone' });
  }
  return wanted;
}

async function stateFiles({ config }: Session): Promise<readonly WantedFile[]> {
  const found = await filesBelow(config.stateDir, NOT_STATE);
  return found.filter(({ path }) => {
    const isKept = !`${path}/`.includes('.lock/') && !path.startsWith(`${config.liveDir}/`);
    return isKept && !ENTRY_LIST.test(path);
  });
}

/** How far a copy got stands beside the pins, and changes with every backup. */
function isPin({ path }: WantedFile): boolean {
  return !path.endsWith('.newest.json');
}

function toConfiguration({ path }: WantedFile): WantedFile {
  return { path, kind: 'configuration' };
}

/** A repository with the password that opens it, which is proven where it can be reached. */
async function openRepository(known: KnownRepository, session: Session) {
  const { host, copy, options } = known;
  const name = copy === undefined ? host : `${host}, ${copy}`;
  const problems: string[] = [];
  const told = <Value>(work: Promise<Value>, what: string): Promise<Value | undefined> => {
    return work.catch((error: unknown) => {
      session.signal.throwIfAborted();
      problems.push(`${name}: ${what}: ${describeError(error).split('\n', 1)[0]}`);
      return undefined;
    });
  };
  const access = await told(accessOf(known), 'what its repository needs could not be had');
  const password = await told(passwordOf(known, session), 'its password could not be had');
  if (password !== undefined) {
    const opening = storeOpenedBy(password, known, session).check(session.signal);
    await told(opening, 'its repository could not be opened with the password in here when this was written');
  }
  const pin = await told(readPin(options.pinFile), 'the id of its repository is not known');
  const { variables = {}, repository: location = options.repository } = access ?? {};
  const shown = withoutCredentials(location);
  const environment = { ...variables, ...(shown === location ? {} : { RESTIC_REPOSITORY: location }) };
  const repository: KitRepository = {
    host,
    copy,
    location: shown,
    hasCredentials: shown !== location,
    id: pin?.id,
    passwordFrom: passwordSource(known),
    hasPassword: password !== undefined,
    hasEnvironment: Object.keys(environment).length > 0,
    needsFiles: filesInVariables(variables).length > 0,
  };
  return { repository, password, environment, problems };
}

async function resticVersion({ config, run, signal }: Session): Promise<string | undefined> {
  const [program = 'restic', ...words] = config.restic.command;
  const asked = run(program, [...words, 'version'], { timeoutMs: COMMAND_TIMEOUT_MS, signal });
  return asked.then(({ stdout }) => stdout.trim().split('\n', 1)[0]).catch(() => undefined);
}
