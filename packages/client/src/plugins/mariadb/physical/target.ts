// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, readdir, realpath, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { formatBytes } from '@local-backup/common/bytes';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import type { RestoreContext } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import type { DatabaseOptions } from '../options.ts';
import { openServer } from '../server.ts';
import { holdersOf } from './holders.ts';
import { type PhysicalRecord, seriesNumber } from './record.ts';
import { type Owner, placeComplaint } from './swap.ts';

export type Context = RestoreContext<DatabaseOptions>;

const LOOK_TIMEOUT_MS = 60_000;

/** What tells a data directory from any other one. */
const MARKS = ['ibdata1', 'aria_log_control', 'mysql'];

/** Mode of a data directory that is made anew. */
const NEW_MODE = 0o700;

/** Version of the server program of this machine; undefined where there is none. */
export async function programVersion({ exec, signal }: Pick<Context, 'exec' | 'signal'>): Promise<string | undefined> {
  if ((await findProgram('mariadbd')) === undefined) return undefined;
  const { stdout } = await exec('mariadbd', ['--no-defaults', '--version'], {
    cwd: '/',
    timeoutMs: LOOK_TIMEOUT_MS,
    signal,
  });
  return /\d+\.\d+\.\d+\S*/.exec(stdout)?.[0];
}

/** The data directory to be replaced, links resolved: the task's, the running server's, or the configuration's. */
export async function findDatadir(context: Context, flavour: Flavour): Promise<string> {
  const named =
    context.options.datadir ?? (await runningDatadir(context, flavour)) ?? (await configuredDatadir(context));
  const parent = await realpath(dirname(named)).catch(() => dirname(named));
  return realpath(named).catch(() => join(parent, named.slice(dirname(named).length)));
}

/** Before anything is stopped: the server that answers must be the one whose directory is named. */
export async function elsewhere(datadir: string, context: Context, flavour: Flavour): Promise<readonly string[]> {
  const running = context.options.datadir === undefined ? undefined : await runningDatadir(context, flavour);
  if (running === undefined || (await realpath(running).catch(() => running)) === datadir) return [];
  return [`The server that answers has its data in ${running}, not in ${datadir}: correct \`datadir\`, or the login.`];
}

async function runningDatadir(context: Context, flavour: Flavour): Promise<string | undefined> {
  try {
    const [[datadir = ''] = []] = await (await openServer(context, flavour)).query('SELECT @@datadir');
    return withoutSlash(datadir);
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof BackupError)) throw error;
    // It does not run, which may be why it is restored; or its accounts are not those of the copy.
    return undefined;
  }
}

async function configuredDatadir({ exec, signal }: Context): Promise<string> {
  const options = { cwd: '/', timeoutMs: LOOK_TIMEOUT_MS, signal };
  const { stdout } = await exec('mariadbd', ['--verbose', '--help'], options);
  const [, datadir = ''] = /^datadir\s+(\/.*?)\s*$/m.exec(stdout) ?? [];
  if (datadir !== '') return withoutSlash(datadir);
  throw new BackupError('failed', 'Neither the server nor its configuration says where its data is: set `datadir`.');
}

function withoutSlash(path: string): string {
  return path.length > 1 ? path.replace(/\/+$/, '') : path;
}

/** All that keeps a copy from being put into a data directory, but a server that runs. */
export async function targetComplaints(
  datadir: string,
  record: PhysicalRecord,
  version: string | undefined,
): Promise<readonly string[]> {
  const complaints: string[] = [];
  if (version === undefined) complaints.push('mariadbd is not installed: apt install mariadb-server.');
  else if (seriesNumber(version) < seriesNumber(record.server)) {
    complaints.push(
      `The copy is of MariaDB ${record.server}; the server here is ${version}, which cannot read newer files. Install the ` +
        'same series.',
    );
  }
  const place = await placeComplaint(datadir);
  if (place !== undefined) return [...complaints, place];
  const names = await readdir(datadir).catch((): string[] => []);
  if (names.length > 0 && !MARKS.some((mark) => names.includes(mark))) {
    complaints.push(
      `${datadir} is no data directory of a server (it has none of ${MARKS.join(', ')}): it is not replaced.`,
    );
  }
  const needed = record.files.reduce((sum, { bytes }) => sum + bytes, 0);
  const { bavail, bsize } = await statfs(dirname(datadir));
  if (bavail * bsize < needed) {
    complaints.push(
      `No room beside ${datadir}: the copy takes ${formatBytes(needed)}, ${formatBytes(bavail * bsize)} are free.`,
    );
  }
  return complaints;
}

/** Programs that have the files of a data directory open, as a complaint; undefined where there are none. */
export async function openComplaint(datadir: string, unit: string): Promise<string | undefined> {
  const holders = await holdersOf(datadir);
  if (holders.length === 0) return undefined;
  return (
    `${datadir} is open in ${holders.join(', ')}, which is not the unit ${unit}: stop it, or set \`unit\` to the unit that ` +
    'runs it.'
  );
}

/** Of what is there; where nothing is, the account `mysql` of the package. */
export async function ownerOf(datadir: string, { exec, signal }: Context): Promise<Owner> {
  const facts = await lstat(datadir).catch(() => undefined);
  if (facts !== undefined) return { uid: facts.uid, gid: facts.gid, mode: facts.mode & 0o7777 };
  const id = async (option: string) => {
    const { stdout } = await exec('id', [option, 'mysql'], { cwd: '/', timeoutMs: LOOK_TIMEOUT_MS, signal });
    return Number(stdout.trim());
  };
  return { uid: await id('-u'), gid: await id('-g'), mode: NEW_MODE };
}
