// SPDX-License-Identifier: AGPL-3.0-or-later
import { describeError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import type { SystemdOptions } from './options.ts';
import { RECORD_FILE, readSavedFile, readUnitRecord, UNITS_DIRECTORY } from './unit-files.ts';

/** Looks whether the saved unit files are there and look like such. */
export async function verifyUnitFiles({ copy, options }: CopyContext<SystemdOptions>): Promise<readonly Check[]> {
  if (!options.save_units) return [];
  const name = `${UNITS_DIRECTORY}/${RECORD_FILE}`;
  try {
    const { units } = await readUnitRecord(copy);
    const lost = options.units.filter((unit) => !units.some((saved) => saved.name === unit));
    if (lost.length > 0) return [{ name, status: 'failed', message: `does not name ${lost.join(', ')}` }];
    const checks: Check[] = [{ name, status: 'ok', message: `${units.length} units` }];
    for (const file of new Set(units.flatMap(({ files }) => files))) checks.push(await checkFile(copy, file));
    return checks;
  } catch (error) {
    return [{ name, status: 'failed', message: describeError(error) }];
  }
}

async function checkFile(copy: string, file: string): Promise<Check> {
  const name = `${UNITS_DIRECTORY}${file}`;
  try {
    const text = (await readSavedFile(copy, file)).toString('utf8');
    // An empty drop-in is a way to switch one off.
    const isUnit = /^\[[A-Za-z-]+\]/m.test(text) || (file.endsWith('.conf') && text.trim() === '');
    return {
      name,
      status: isUnit ? 'ok' : 'failed',
      message: isUnit ? 'is a unit file' : 'has no section: it is no unit file',
    };
  } catch (error) {
    return { name, status: 'failed', message: describeError(error) };
  }
}
