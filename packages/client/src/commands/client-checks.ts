// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { BackupError, describeError } from '@local-backup/common/errors';
import { requireMailProgram } from '@local-backup/common/sendmail';
import { lookAtTimers } from '@local-backup/common/timers';
import type { CheckLine } from '../render-check.ts';
import { requireFreeSpace } from '../stage.ts';
import type { ClientSession } from './session.ts';

/** GNU tar is only asked for its version. */
const VERSION_TIMEOUT_MS = 60_000;

/** The first GNU tar that has everything that `tar-args.ts` uses. */
const OLDEST_TAR = [1, 29] as const;

/** What a run relies on beside the services. Changes nothing. */
export async function checkSurroundings(session: ClientSession): Promise<readonly CheckLine[]> {
  return [
    await boundary('spool', 'FAILED', () => lookAtSpool(session)),
    await boundary('tar', 'FAILED', () => lookAtTar(session)),
    // The archive is made without it, and the server tells of a host that failed.
    await boundary('mail', 'warning', () => lookAtMail(session)),
    await boundary('timer', 'warning', () => lookAtTimer(session)),
  ];
}

/** Each check is a line, whatever comes of it. */
async function boundary(what: string, bad: CheckLine['state'], work: () => Promise<string>): Promise<CheckLine> {
  try {
    return { state: 'ok', what, more: await work(), details: [] };
  } catch (error) {
    return { state: bad, what, more: '', details: [describeError(error)] };
  }
}

async function lookAtTimer({ run }: ClientSession): Promise<string> {
  const found = await lookAtTimers(['local-backup.timer'], { run, signal: new AbortController().signal });
  if (typeof found === 'string') return found;
  throw new BackupError('config', found.warning);
}

async function lookAtSpool({ config }: ClientSession): Promise<string> {
  const { baseBackupDir: spool, minFreeBytes } = config;
  const existing = await nearestDirectory(spool);
  await requireFreeSpace(existing, minFreeBytes);
  return existing === spool ? spool : `${spool}, will be created by the first run`;
}

/** The directory, or the one above it that exists. @throws BackupError where something else is in its place */
async function nearestDirectory(path: string): Promise<string> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return path;
    throw new BackupError('config', `base_backup_dir: ${path} is not a directory. Correct it, or move ${path} away.`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return nearestDirectory(dirname(path));
    if (error instanceof BackupError) throw error;
    throw new BackupError('failed', `Cannot look at base_backup_dir: ${message}`, { cause: error });
  }
}

async function lookAtTar({ config, run }: ClientSession): Promise<string> {
  const [program = 'tar', ...words] = config.tools.tar;
  const { stdout } = await run(program, [...words, '--version'], { timeoutMs: VERSION_TIMEOUT_MS });
  const [first = ''] = stdout.split('\n');
  const [, major = 0, minor = 0] = (/^tar \(GNU tar\) (\d+)\.(\d+)/.exec(first) ?? []).map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_TAR;
  if (major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)) return first;
  const needed = `GNU tar ${OLDEST_TAR.join('.')} or newer is needed`;
  throw new BackupError(
    'config',
    `${program} is ${first || 'no GNU tar'}; ${needed}. Install it, or correct \`tar_cmd\`.`,
  );
}

/** A mail server is not called: one that is down at noon may be up at night. */
async function lookAtMail({ config: { mail, adminEmail } }: ClientSession): Promise<string> {
  if (mail.transport === 'smtp') return `to ${adminEmail} by SMTP: ${mail.host}:${mail.port}, ${mail.tls}`;
  return `to ${adminEmail} by ${(await requireMailProgram(mail.commands)).join(' ')}`;
}
