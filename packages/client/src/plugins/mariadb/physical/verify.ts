// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import type { DatabaseOptions } from '../options.ts';
import { checkpointComplaint, fileDifference, listData, tablespaceComplaint } from './data-files.ts';
import { checkPages } from './pages.ts';
import { DATA, dataInCopy, PHYSICAL, type PhysicalRecord, readPhysicalRecord } from './record.ts';
import { verifyByStarting } from './verify-load.ts';

type Context = CopyContext<DatabaseOptions>;

/** Looks whether all files are there, and every page of InnoDB fits its checksum; at level full, whether a server starts. */
export async function verifyPhysical(context: Context, flavour: Flavour): Promise<readonly Check[]> {
  let record: PhysicalRecord;
  let data: string;
  try {
    record = await readPhysicalRecord(context.copy);
    data = await dataInCopy(context.copy);
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return [{ name: PHYSICAL, status: 'failed', message: error.message }];
  }
  const name = `${PHYSICAL}/${DATA}`;
  const complaint = await copyComplaint(data, record);
  if (complaint !== undefined) return [{ name, status: 'failed', message: complaint }];
  const whole = `whole, ${record.files.length} files, ${record.tables.length} tables of MariaDB ${record.server}`;
  const checks: Check[] = [{ name, status: 'ok', message: whole }];
  const pages = await checkPages(data, record, context);
  checks.push(pages);
  if (context.level === 'full' && pages.status !== 'failed') {
    checks.push(...(await verifyByStarting(data, record, { context, flavour })));
  }
  return checks;
}

async function copyComplaint(data: string, { files, variables }: PhysicalRecord): Promise<string | undefined> {
  try {
    const there = await listData(data);
    const complaint = fileDifference(files, there) ?? tablespaceComplaint(variables.innodb_data_file_path, there);
    return complaint ?? (await checkpointComplaint(data));
  } catch (error) {
    if (!(error instanceof BackupError)) throw error;
    return error.message;
  }
}
