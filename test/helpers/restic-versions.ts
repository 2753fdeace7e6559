// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianMirror } from './debian-mirror.ts';

const execute = promisify(execFile);

/** The versions that the store is tested with, and the Debian release that each comes from. */
export const RESTIC_SERIES = ['0.14', '0.18'] as const;
export type ResticSeries = (typeof RESTIC_SERIES)[number];
const RELEASE: Record<ResticSeries, string> = { '0.14': 'bookworm', '0.18': 'trixie' };

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/**
 * The path of a restic of this series: the installed one, or else that of the Debian release, fetched once through an
 * apt of its own (nothing of the system's is touched) from the mirror that this machine uses, and kept in the user's
 * cache directory.
 *
 * @throws Error when it cannot be had: a test that needs it has to fail
 */
export async function resticOf(series: ResticSeries): Promise<string> {
  if (await isSeries('restic', series)) return 'restic';
  const cached = join(cacheDirectory(), `restic-${series}`);
  if (existsSync(cached) && (await isSeries(cached, series))) return cached;
  const work = await mkdtemp(join(tmpdir(), 'restic-fetch-'));
  try {
    const program = await fetchFromDebian(RELEASE[series], work);
    if (!(await isSeries(program, series))) throw new Error(`Debian ${RELEASE[series]} has another version by now`);
    await mkdir(cacheDirectory(), { recursive: true });
    // Several test files may get here at once: whole files only, the last one stays.
    const whole = `${cached}.${process.pid}`;
    await cp(program, whole);
    await rename(whole, cached);
    return cached;
  } catch (error) {
    throw new Error(`restic ${series} is needed for this test and could not be fetched with apt: ${String(error)}`, {
      cause: error,
    });
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function cacheDirectory(): string {
  const home = process.env.XDG_CACHE_HOME ?? (homedir() === '/' ? tmpdir() : join(homedir(), '.cache'));
  return join(home, 'local-backup-system-tests');
}

async function isSeries(program: string, series: ResticSeries): Promise<boolean> {
  const { stdout } = await execute(program, ['version']).catch(() => ({ stdout: '' }));
  return stdout.startsWith(`restic ${series}.`);
}

async function fetchFromDebian(release: string, work: string): Promise<string> {
  const env = { ...process.env, LC_ALL: 'C', APT_CONFIG: join(work, 'apt.conf') };
  for (const directory of ['state/lists/partial', 'cache/archives/partial', 'package']) {
    await mkdir(join(work, directory), { recursive: true });
  }
  await writeFile(join(work, 'sources.list'), `deb [signed-by=${KEYRING}] ${debianMirror()} ${release} main\n`);
  await writeFile(join(work, 'apt.conf'), aptConfiguration(work));
  await execute('apt-get', ['--quiet', 'update'], { env });
  await execute('apt-get', ['--quiet', 'download', 'restic'], { env, cwd: join(work, 'package') });
  const [archive] = await readdir(join(work, 'package'));
  await execute('dpkg-deb', ['--extract', join(work, 'package', archive ?? ''), join(work, 'root')]);
  return join(work, 'root/usr/bin/restic');
}

/** An apt that keeps all that it writes in `work`; proxies and the like stay those of the machine. */
function aptConfiguration(work: string): string {
  return [
    `Dir::Etc::SourceList "${work}/sources.list";`,
    'Dir::Etc::SourceParts "-";',
    `Dir::State "${work}/state";`,
    'Dir::State::Status "/dev/null";',
    `Dir::Cache "${work}/cache";`,
    'Acquire::Languages "none";',
    // Mirrors that are frozen at one day hand out lists that have expired.
    'Acquire::Check-Valid-Until "false";',
    'APT::Sandbox::User "";',
    '',
  ].join('\n');
}
