// SPDX-License-Identifier: AGPL-3.0-or-later
import { formatTime } from '../report/text.ts';

/** A repository that a kit opens. */
export interface KitRepository {
  readonly host: string;
  /** Name of the copy; undefined for the host's own repository. */
  readonly copy: string | undefined;
  /** Without credentials. */
  readonly location: string;
  /** It has some: then the environment file sets the location too. */
  readonly hasCredentials: boolean;
  /** Undefined where `init` has not seen it yet. */
  readonly id: string | undefined;
  /** Where the server takes the password from, for people. */
  readonly passwordFrom: string;
  readonly hasPassword: boolean;
  readonly hasEnvironment: boolean;
  /** Its variables name files of the server. */
  readonly needsFiles: boolean;
}

/** What the instructions of a kit are made from; nothing secret. */
export interface KitFacts {
  /** Name of the server. */
  readonly server: string;
  /** ISO. */
  readonly written: string;
  readonly program: string;
  /** As `restic version` prints it; undefined where it could not be asked. */
  readonly restic: string | undefined;
  readonly configFile: string;
  /** The default of `-c`. */
  readonly isUsualConfigFile: boolean;
  readonly localTempBaseDir: string;
  readonly repositories: readonly KitRepository[];
  /** What is missing in the kit. */
  readonly problems: readonly string[];
}

/** Names the files of a repository in a kit. */
export function nameInKit({ host, copy }: Pick<KitRepository, 'host' | 'copy'>): string {
  // No host name has an `@`.
  return copy === undefined ? host : `${host}@${copy}`;
}

/**
 * README.txt: plain text for somebody who has an empty machine and nothing else. Commands are indented by four blanks,
 * nothing else is; they are meant to be pasted.
 */
export function renderReadme(facts: KitFacts, files: readonly string[]): string {
  const lines = [...opening(facts), ...byRestic(facts), ...byServer(facts), ...contents(facts, files)];
  return `${lines.join('\n')}\n`;
}

function opening({ server, written, program, restic, problems }: KitFacts): readonly string[] {
  return [
    `RECOVERY KIT of the backup server ${server}`,
    `written ${formatTime(written)} by ${program}${restic === undefined ? '' : `, which used ${restic}`}`,
    '',
    'Whoever has this kit can read every backup. Keep it as secret as all of them together.',
    'It holds the keys, not the backups: the repositories named below have to be reachable.',
    ...(problems.length === 0 ? [] : ['', 'MISSING in this kit when it was written:', ...problems.map(bullet)]),
    '',
    '1. BEFORE ANYTHING ELSE',
    '',
    'Any Debian or Ubuntu will do, a live system too. As root, install the packages restic, age and tar (GNU).',
    'You have opened the kit already if you read this. It was done with: age -d FILE | tar -xzf - -C DIRECTORY',
    'Say where it is now, and where restored data is to go (somewhere with enough room):',
    '',
    '    KIT=/root/recovery-kit',
    '    TARGET=/var/tmp/restored',
    '',
    'Commands are indented; they can be pasted as they are. Below, replace "latest" by the id of an older snapshot',
    'where the newest one is not what you want.',
    '',
  ];
}

function byRestic({ repositories }: KitFacts): readonly string[] {
  return [
    '2. RESTORE WITH NOTHING BUT RESTIC',
    '',
    'Quickest for one host. The content lands in $TARGET/HOST/<type>/<service>/ with owners and modes; from there it is',
    'copied to its place: rsync -aHAX --numeric-ids. The list of all files with their SHA-256: .backup/entries.gz',
    ...repositories.flatMap(repositoryBlock),
  ];
}

function repositoryBlock(repository: KitRepository): readonly string[] {
  const { host, copy, location, hasCredentials, id, passwordFrom, hasPassword, hasEnvironment } = repository;
  const name = nameInKit(repository);
  const where = `"$TARGET"/${word(name)}`;
  return [
    '',
    `== ${host}${copy === undefined ? '' : `, copy ${copy}`}`,
    `repository ${location}`,
    `id ${id ?? 'not known: it was never initialised'}`,
    `password in passwords/${name}${hasPassword ? '' : ' IS MISSING'}; on the server it came from ${passwordFrom}`,
    ...needsOf(repository),
    '',
    ...(hasCredentials ? [] : [`    export RESTIC_REPOSITORY=${word(location)}`]),
    `    export RESTIC_PASSWORD_FILE="$KIT"/passwords/${word(name)}`,
    ...(hasEnvironment ? [`    . "$KIT"/environment/${word(name)}.sh`] : []),
    `    restic snapshots --host ${word(host)}`,
    `    install -d -m 0700 "$TARGET" ${where}`,
    `    restic restore latest --host ${word(host)} --target ${where}`,
  ];
}

/** What has to be there before restic can reach a repository. */
function needsOf({ location, needsFiles }: KitRepository): readonly string[] {
  if (location.startsWith('/') || location.startsWith('local:')) return ['Mount its disk at that place first.'];
  if (location.startsWith('sftp:')) return ['restic calls ssh: put the files of section 3 back first.'];
  if (location.startsWith('rclone:')) return ['Install rclone and put the files of section 3 back first.'];
  return needsFiles ? ['restic reads files of the old server: put those of section 3 back first.'] : [];
}

function byServer({ configFile, isUsualConfigFile, localTempBaseDir, repositories }: KitFacts): readonly string[] {
  const server = isUsualConfigFile ? 'backup-server' : `backup-server -c ${word(configFile)}`;
  const hosts = [...new Set(repositories.map(({ host }) => host))];
  const commands = repositories.filter(({ copy, passwordFrom }) => copy === undefined && !passwordFrom.startsWith('/'));
  return [
    '',
    '3. THE BACKUP SERVER AGAIN',
    '',
    'Install backup-server as it was installed before. Put its files back to where they were; directories that exist',
    'keep their owner and mode, and a file that exists already is kept beside as NAME.~1~:',
    '',
    '    tar -C "$KIT"/files -cf - . | tar -C / -xpf - --no-overwrite-dir --backup=numbered',
    `    install -d -m 0700 ${word(localTempBaseDir)}`,
    '',
    ...(commands.length === 0
      ? []
      : [
          'The password came from a command or a systemd credential, which may depend on the old machine. Where it does not',
          'work here, give password_file in the configuration the path of a copy of the file in passwords/.',
          '',
        ]),
    'Mount the disks of the repositories. Then look whether everything is there, and restore:',
    '',
    `    ${server} check`,
    ...hosts.map((host) => `    ${server} restore ${word(host)} --to "$TARGET"/${word(`${host}-by-server`)}`),
    '',
    'Every host still has the public key of the old server; with its private key back in place, backups go on at once.',
    'When the old server fell into wrong hands, make new SSH keys and repository passwords (backup-server key rotate).',
    '',
  ];
}

function contents({ repositories }: KitFacts, files: readonly string[]): readonly string[] {
  return [
    '4. WHAT IS IN HERE',
    '',
    'README.txt    this text',
    'kit.json      the same for programs, with the SHA-256 of every file',
    `passwords/    one file for each repository (${repositories.filter(({ hasPassword }) => hasPassword).length})`,
    'environment/  what remote repositories need, for a shell to read',
    'files/        configuration, keys and state of the server:',
    ...files.map(bullet),
  ];
}

function bullet(text: string): string {
  return `- ${text}`;
}

/** For a shell. */
function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
