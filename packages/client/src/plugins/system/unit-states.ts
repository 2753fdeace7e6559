// SPDX-License-Identifier: AGPL-3.0-or-later
import { findProgram } from '@local-backup/common/find-program';
import type { RestoreContext } from '../../plugin-copy.ts';
import { isUnitName, linesOf, savedLines } from './lists.ts';
import type { SystemOptions } from './options.ts';
import { isUnitOfDisk } from './restorable.ts';

type Context = Pick<RestoreContext<SystemOptions>, 'copy' | 'exec' | 'options' | 'signal'>;

/** What of the saved states of units is not as it was. */
export interface UnitDifferences {
  /** Enabled when it was saved, and disabled now. */
  readonly disabled: readonly string[];
  /** The same of mounts and swaps, which are by hand as those of fstab. */
  readonly ofDisks: readonly string[];
  /** Enabled then, and unknown to systemd now. */
  readonly gone: readonly string[];
}

/** Compares the saved units with those of the host; undefined where they were not saved, or no systemd answers. */
export async function unitDifferences(
  context: Context,
  lists: readonly string[],
): Promise<UnitDifferences | undefined> {
  const saved = await savedLines(context.copy, 'unit-files.txt', lists.includes('unit-files.txt'));
  if (saved === undefined || (await findProgram('systemctl')) === undefined) return undefined;
  const args = ['list-unit-files', '--no-pager', '--no-legend', '--plain'];
  const now = statesOf(linesOf(await systemctl(args, context)));
  if (now.size === 0) return undefined;
  const enabled = [...statesOf(saved)].filter(([name, state]) => state === 'enabled' && isUnitName(name));
  const names = enabled.map(([name]) => name);
  const disabled = names.filter((name) => now.get(name) === 'disabled');
  return {
    disabled: disabled.filter((name) => !isUnitOfDisk(name)),
    ofDisks: disabled.filter(isUnitOfDisk),
    gone: names.filter((name) => !now.has(name)),
  };
}

function statesOf(lines: readonly string[]): ReadonlyMap<string, string> {
  const rows = lines.map((line) => line.split(/\s+/));
  return new Map(rows.map(([name = '', state = '']) => [name, state]));
}

/** Runs systemctl; that there is nothing to list is no error. */
export async function systemctl(args: readonly string[], { exec, options, signal }: Context): Promise<string> {
  const accept = args[0] === 'list-unit-files' ? [0, 1] : [0];
  const limits = { cwd: '/', timeoutMs: options.timeout, limitedBy: '`timeout` of the task', signal, accept };
  return (await exec('systemctl', args, limits)).stdout;
}
