// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Command } from 'commander';
import type { Session } from '../commands/session.ts';
import type { Start } from './start.ts';

const SNAPSHOT_HELP = `
A snapshot is named by HOST (the newest that is whole), HOST@latest, HOST@2026-11-20 (the newest of that day),
HOST@"2026-11-20 14:30" or HOST@2026-11-20T14:30 (the newest that is not newer), HOST@20261120_143000 (made from
this archive), HOST@ID or ID alone (at least 8 characters of it). All times are UTC.`;

const NAMES_HELP = `
Bytes of names that are not UTF-8 are shown as \ufffd here; the exact names are in .backup/entries.gz of each snapshot.
To restore such a file: restore --path, with "?" for each such byte.`;

/** For the day when the first repository is gone. */
const FROM_COPY = ['--copy <name>', 'out of this copy (restic.copies) instead of the first repository'] as const;

/** The same session, looking at a copy of each host where one is named. */
function from(session: Session, { copy }: { readonly copy?: string }): Session {
  return copy === undefined ? session : { ...session, copy };
}

/** Commands that look into snapshots and restore them. */
export function addHistoryCommands(program: Command, start: Start): void {
  addLooking(program, start);
  addTaking(program, start);
}

function addLooking(program: Command, start: Start): void {
  program
    .command('snapshots [host...]')
    .description('list what is in the repositories')
    .option(...FROM_COPY)
    .action((hosts, options) =>
      start(async (session) => (await import('../commands/snapshots.ts')).snapshots(from(session, options), hosts)),
    );
  program
    .command('ls <snapshot> [path]')
    .description('list a directory of a snapshot, as ls -l does; with --json one object a line')
    .option('-R, --recursive', 'and everything below it')
    .option(...FROM_COPY)
    .addHelpText('after', SNAPSHOT_HELP + NAMES_HELP)
    .action((snapshot, path = '', options) =>
      start(async (session) => (await import('../commands/ls.ts')).ls(from(session, options), snapshot, path, options)),
    );
  program
    .command('find <glob>')
    .description('which snapshots of which hosts hold a file: each version once, with size and time')
    .option('--host <host>', 'only in this host (may be given again)', collect)
    .option(...FROM_COPY)
    .addHelpText('after', `\nA name ("*.conf") or the end of a path ("etc/*.conf"), as a whole.${NAMES_HELP}`)
    .action((glob, options) =>
      start(async (session) => (await import('../commands/find.ts')).find(from(session, options), glob, options)),
    );
  program
    .command('diff <snapshot> <snapshot>')
    .description('what the second has and the first has not, and the other way round; with --json one object a line')
    .option(...FROM_COPY)
    .addHelpText('after', SNAPSHOT_HELP + NAMES_HELP)
    .action((older, newer, options) =>
      start(async (session) => (await import('../commands/diff.ts')).diff(from(session, options), older, newer)),
    );
}

function addTaking(program: Command, start: Start): void {
  program
    .command('dump <snapshot> <path>')
    .description('write the content of a file to standard output')
    .option('--archive', 'a directory, as tar')
    .option(...FROM_COPY)
    .addHelpText('after', SNAPSHOT_HELP)
    .action((snapshot, path, options) =>
      start(async (session) =>
        (await import('../commands/dump.ts')).dump(from(session, options), snapshot, path, options),
      ),
    );
  program
    .command('mount <dir> [host]')
    .description('show the snapshots of a host as directories, read-only, until Ctrl-C (needs FUSE)')
    .option(...FROM_COPY)
    .action((directory, host, options) =>
      start(async (session) => (await import('../commands/mount.ts')).mount(from(session, options), directory, host)),
    );
  program
    .command('restore <snapshot>')
    .description('put a snapshot, or a part of it, into a directory, and compare it with what was saved')
    .option('--to <dir>', 'a directory that is empty or does not exist yet')
    .option('--to-host <host>', 'into the spool of this host, for backup-client restore there (with --service)')
    .option('--service <name>', 'only this service, by type/name or name (may be given again)', collect)
    .option('--path <glob>', 'only this, from the top of the tree or the service (may be given again)', collect)
    .option('--overwrite', 'also into a directory with files: writes over those that the snapshot has too')
    .option(...FROM_COPY)
    .option('--no-verify', 'do not read everything again and compare it with the list of entries')
    .option('--no-space-check', 'begin even if there seems to be too little room')
    .option('--snapshot <id>', 'id of a snapshot, or latest: the same as HOST@ID')
    .addHelpText('after', `${SNAPSHOT_HELP}\n${GLOB_HELP}`)
    .action((snapshot, options, command: Command) => {
      if ((options.to === undefined) === (options.toHost === undefined)) {
        command.error('error: give either --to DIR or --to-host HOST');
      }
      return start(async (session) =>
        (await import('../commands/restore.ts')).restore(from(session, options), snapshot, options),
      );
    });
}

const GLOB_HELP = `
In a glob, * and ? stand for any characters but "/", [a-z] and [^a-z] for one of a set, ** for any directories, and \\
takes the meaning of the next character away. What lies below a directory that fits is restored as well.`;

/** An option that may be given again. */
function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}
