// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreStep, TaskRestore } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import type { DatabaseOptions } from '../options.ts';
import { fileDifference, isToolFile, listData } from './data-files.ts';
import { dataInCopy, type PhysicalRecord, readPhysicalRecord, seriesNumber } from './record.ts';
import { untilAnswers, verifyRunning } from './running.ts';
import { copyData, identityOf, newSwap, swapBack, swapIn, swapSchema } from './swap.ts';
import {
  type Context,
  elsewhere,
  findDatadir,
  openComplaint,
  ownerOf,
  programVersion,
  targetComplaints,
} from './target.ts';
import { runningUnits, serverUnit, startUnits, stopUnit, unitName } from './unit.ts';

const memoSchema = z.strictObject({
  /** The unit of the server, where it is to be started in the end, and the units that were stopped with it. */
  start: z.array(z.string()),
  datadir: z.string(),
  swap: swapSchema.nullable(),
  /** True once the copy is in its place. */
  applied: z.boolean(),
});

type Changes = z.infer<typeof memoSchema>;

/** File in `kept` that says where the old data directory is. */
const NOTE = 'old-data-directory.txt';

/** How a physical copy is put back: the server is stopped, its data directory moved aside, the copy put into its place. */
export function physicalRestore(flavour: Flavour): TaskRestore<DatabaseOptions> {
  return {
    plan: (context) => plan(context, flavour),

    stop: async (context) => {
      const unit = await serverUnit(context);
      const start = [...runningUnits(unit)];
      // Asked before the server is stopped: it knows best.
      await context.remember({ start, datadir: await findDatadir(context, flavour), swap: null, applied: false });
      await stopUnit(unit, context);
    },

    apply: async (context) => {
      const memo = memoOf(context);
      if (memo === undefined) throw new BackupError('failed', 'The server was not stopped for the restore.');
      const { record, version } = await readiness(context, memo.datadir);
      await requireClosed(memo.datadir, context);
      await replaceData(memo, record, context);
      return upgradeNotes(version, record);
    },

    revert: async (context) => {
      const memo = memoOf(context);
      if (memo?.swap == null) return;
      // After a power cut, systemd has started it with whatever it found.
      const unit = await serverUnit(context);
      await stopUnit(unit, context);
      for (const directory of [memo.datadir, memo.swap.aside ?? memo.swap.fresh])
        await requireClosed(directory, context);
      await swapBack(memo.swap);
      await rm(join(context.kept, NOTE), { force: true });
      // What the server writes from now on must survive a second call.
      await context.remember({ ...memo, swap: null, applied: false });
      await startUnits(runningUnits(unit), context);
    },

    start: async (context) => {
      const memo = memoOf(context);
      if (memo === undefined) return;
      const unit = await serverUnit(context);
      // It ran when it was saved, so it is to run now, on a new host too.
      const names = memo.applied && unit.isKnown && memo.start.length === 0 ? [unit.name] : memo.start;
      await startUnits(names, context);
      if (memo.applied && names.length > 0) await untilAnswers(context, flavour);
    },

    verify: async (context) => {
      return verifyRunning(memoOf(context)?.datadir ?? (await findDatadir(context, flavour)), context, flavour);
    },
  };
}

function memoOf(context: Context): Changes | undefined {
  const remembered = context.remembered();
  return remembered === undefined ? undefined : memoSchema.parse(remembered);
}

/** @throws BackupError `failed` with everything that is in the way */
async function readiness(context: Context, datadir: string, known: readonly string[] = []) {
  const record = await readPhysicalRecord(context.copy);
  const version = await programVersion(context);
  const complaints = [...known, ...(await targetComplaints(datadir, record, version))];
  const difference = fileDifference(record.files, await listData(await dataInCopy(context.copy)));
  if (difference !== undefined) complaints.push(`The copy is damaged: ${difference}.`);
  if (complaints.length > 0) throw new BackupError('failed', complaints.join('\n'));
  return { record, version: version ?? '' };
}

async function plan(context: Context, flavour: Flavour): Promise<readonly RestoreStep[]> {
  if (context.as !== undefined) {
    throw new BackupError(
      'usage',
      '--as: a physical copy is a whole server. Restore it to a directory, and start a second server on it (README of the plugin).',
    );
  }
  const datadir = await findDatadir(context, flavour);
  const { record, version } = await readiness(context, datadir, await elsewhere(datadir, context, flavour));
  const unit = await serverUnit(context);
  const open = unit.isActive ? undefined : await openComplaint(datadir, unit.name);
  const { aside } = await newSwap(datadir);
  const steps: RestoreStep[] = [];
  if (open !== undefined) steps.push({ action: 'note', what: open });
  const running = runningUnits(unit);
  if (running.length > 0) steps.push({ action: 'stop', what: `unit ${running.join(' ')}` });
  if (aside !== null) steps.push({ action: 'keep', what: `${datadir}, moved aside to ${datadir}.kept-...` });
  const count = `${record.tables.length} tables in ${record.files.length} files`;
  steps.push({
    action: 'replace',
    what: `${datadir}: all databases and accounts (${count}), as of MariaDB ${record.server}`,
  });
  if (unit.isKnown) steps.push({ action: 'start', what: `unit ${unit.name}` });
  steps.push(...upgradeNotes(version, record).map((what): RestoreStep => ({ action: 'note', what })));
  return steps;
}

function upgradeNotes(version: string, { server }: PhysicalRecord): string[] {
  if (seriesNumber(version) <= seriesNumber(server)) return [];
  return [`The server here, ${version}, is newer than the copy (${server}): run mariadb-upgrade when it runs again.`];
}

async function requireClosed(datadir: string, context: Context): Promise<void> {
  const complaint = await openComplaint(datadir, unitName(context));
  if (complaint !== undefined) throw new BackupError('failed', complaint);
}

async function replaceData(memo: Changes, { files }: PhysicalRecord, context: Context): Promise<void> {
  const { datadir } = memo;
  const owner = await ownerOf(datadir, context);
  const swap = await newSwap(datadir);
  await context.remember({ ...memo, swap });
  const chosen = files.map(({ path }) => path).filter((path) => !isToolFile(path));
  const from = await dataInCopy(context.copy);
  await copyData({ from, to: swap.fresh }, chosen, { owner, signal: context.signal, durable: true });
  swap.made = (await identityOf(swap.fresh)) ?? null;
  await context.remember({ ...memo, swap });
  if (swap.aside !== null) {
    const text = `${swap.aside}\n\nholds what was in ${datadir} before the restore. Remove both when nothing of it is needed.\n`;
    await writeFile(join(context.kept, NOTE), text, { mode: 0o600 });
  }
  // Copying has taken its time: whatever wants the server may have started it.
  await requireClosed(datadir, context);
  await swapIn(swap, (directory) => requireClosed(directory, context));
  await context.remember({ ...memo, swap, applied: true });
  if (swap.aside !== null) context.log.info(`The old data directory stays in ${swap.aside} until you remove it.`);
}
