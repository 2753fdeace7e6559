// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { findProgram, searchPathOf } from '@local-backup/common/find-program';
import { whyProtected } from './protected.ts';
import { type Around, type Context, lookAround, ownUnit, showUnits, type Unit } from './units.ts';

/**
 * Finds out before anything is stopped whether these units can be, and may be.
 * @returns what is worth a warning
 * @throws BackupError `config` with all complaints
 */
export async function validateUnits(context: Context): Promise<readonly string[]> {
  await requireSystemctl();
  const units = await showUnits(context.options.units, context).catch((error: unknown) => {
    if (!(error instanceof BackupError)) throw error;
    throw new BackupError(
      'config',
      `systemd cannot be asked about units: ${error.message}\nIs it what runs this host?`,
      {
        cause: error,
      },
    );
  });
  const loaded = units.filter(({ loadState }) => loadState === 'loaded');
  const around = await lookAround(loaded, context);
  const complaints = [
    ...units.flatMap((unit) => complaintAbout(unit) ?? []),
    ...(await protectedComplaints(units, around)),
  ];
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
  return [
    ...around.triggers.map(({ name }) => `${name} would start a listed unit again, so it is stopped too. ${LIST_IT}`),
    ...around.dependents.map(
      ({ name }) => `${name} needs a listed unit and stops with it; it is started again. ${LIST_IT}`,
    ),
  ];
}

/** @throws BackupError `config` where one of the units, or what stops with them, must not be stopped */
export async function requireStoppable(context: Context): Promise<void> {
  const units = await showUnits(context.options.units, context);
  const complaints = await protectedComplaints(units, await lookAround(units, context));
  if (complaints.length > 0) throw new BackupError('config', complaints.join('\n'));
}

async function protectedComplaints(units: readonly Unit[], around: Around): Promise<readonly string[]> {
  const complaints: string[] = [];
  const own = await ownUnit();
  for (const unit of [...units, ...around.triggers, ...around.dependents]) {
    const why = [unit.name, unit.id].includes(own ?? '')
      ? 'this program runs in it'
      : (whyProtected(unit.id) ?? whyProtected(unit.name));
    if (why === undefined) continue;
    const how = units.includes(unit) ? 'must not be stopped' : 'would be stopped too, and must not be';
    complaints.push(`${unit.name} ${how}: ${why}. Correct \`units\`.`);
  }
  return complaints;
}

const LIST_IT = 'List it in `units`, where its place is.';

/** @throws BackupError `config` */
export async function requireSystemctl(): Promise<void> {
  if ((await findProgram('systemctl')) !== undefined) return;
  throw new BackupError('config', `systemctl not found in ${searchPathOf()}. It comes with the package systemd.`);
}

function complaintAbout({ name, loadState }: Unit): string | undefined {
  if (loadState === 'loaded') return undefined;
  if (loadState === 'not-found') return `There is no unit ${name}. Look for its name: systemctl list-unit-files`;
  if (loadState === 'masked')
    return `${name} is masked: it could not be started again. systemctl unmask ${name}, or remove it from \`units\`.`;
  return `${name} cannot be loaded (${loadState === '' ? 'systemd says nothing of it' : loadState}). See: systemctl status ${name}`;
}
