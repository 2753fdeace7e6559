// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { Check, RestoreStep, TaskRestore } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import type { DatabaseOptions } from '../options.ts';
import { openServer } from '../server.ts';
import { fileDifference, isToolFile, listData } from './data-files.ts';
import { dataInCopy, type PhysicalRecord, readPhysicalRecord, seriesNumber } from './record.ts';
import { copyData, newSwap, swapBack, swapIn, swapSchema } from './swap.ts';
import { type Context, findDatadir, openComplaint, ownerOf, programVersion, targetComplaints } from './target.ts';
import { serverUnit, startUnits, stopUnit } from './unit.ts';

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

const ANSWER_TIMEOUT_MS = 120_000;
const POLL_MS = 500;

/** How a physical copy is put back: the server is stopped, its data directory moved aside, the copy put into its place. */
export function physicalRestore(flavour: Flavour): TaskRestore<DatabaseOptions> {
  return {
    plan: (context) => plan(context, flavour),

    stop: async (context) => {
      const unit = await serverUnit(context);
      const start = unit.isActive ? [unit.name, ...unit.dependents] : [];
      // Asked before the server is stopped: it knows best.
      await context.remember({ start, datadir: await findDatadir(context, flavour), swap: null, applied: false });
      if (unit.isActive) await stopUnit(unit.name, context);
    },

    apply: async (context) => {
      const memo = memoOf(context);
      if (memo === undefined) throw new BackupError('failed', 'The server was not stopped for the restore.');
      const { record } = await readiness(context, memo.datadir);
      await requireClosed(memo.datadir, context);
      await replaceData(memo, record, context);
      return [];
    },

    revert: async (context) => {
      const memo = memoOf(context);
      if (memo?.swap == null) return;
      // After a power cut, systemd has started it with whatever it found.
      const unit = await serverUnit(context);
      if (unit.isActive) await stopUnit(unit.name, context);
      await requireClosed(memo.datadir, context);
      await swapBack(memo.swap);
      await rm(join(context.kept, NOTE), { force: true });
      // What the server writes from now on must survive a second call.
      await context.remember({ ...memo, swap: null, applied: false });
      if (unit.isActive) await startUnits([unit.name, ...unit.dependents], context);
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

    verify: (context) => verifyRunning(context, flavour),
  };
}

function memoOf(context: Context): Changes | undefined {
  const remembered = context.remembered();
  return remembered === undefined ? undefined : memoSchema.parse(remembered);
}

/** @throws BackupError `failed` with everything that is in the way */
async function readiness(context: Context, datadir: string) {
  const record = await readPhysicalRecord(context.copy);
  const version = await programVersion(context);
  const complaints = [...(await targetComplaints(datadir, record, version))];
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
  const { record, version } = await readiness(context, datadir);
  const unit = await serverUnit(context);
  const open = unit.isActive ? undefined : await openComplaint(datadir, unit.name);
  const { aside } = await newSwap(datadir);
  const steps: RestoreStep[] = [];
  if (open !== undefined) steps.push({ action: 'note', what: open });
  if (unit.isActive) steps.push({ action: 'stop', what: ['unit', unit.name, ...unit.dependents].join(' ') });
  if (aside !== null) steps.push({ action: 'keep', what: `${datadir}, moved aside to ${datadir}.kept-...` });
  const count = `${record.tables.length} tables in ${record.files.length} files`;
  steps.push({
    action: 'replace',
    what: `${datadir}: all databases and accounts (${count}), as of MariaDB ${record.server}`,
  });
  if (unit.isKnown) steps.push({ action: 'start', what: `unit ${unit.name}` });
  if (seriesNumber(version) > seriesNumber(record.server)) {
    steps.push({ action: 'note', what: `the server here is newer, ${version}: run mariadb-upgrade afterwards` });
  }
  return steps;
}

async function requireClosed(datadir: string, context: Context): Promise<void> {
  const complaint = await openComplaint(datadir, (await serverUnit(context)).name);
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
  if (swap.aside !== null) {
    const text = `${swap.aside}\n\nholds what was in ${datadir} before the restore. Remove both when nothing of it is needed.\n`;
    await writeFile(join(context.kept, NOTE), text, { mode: 0o600 });
  }
  await swapIn(swap);
  await context.remember({ ...memo, swap, applied: true });
  if (swap.aside !== null) context.log.info(`The old data directory stays in ${swap.aside} until you remove it.`);
}

/** A refused login is an answer: the accounts are those of the copy now. */
async function untilAnswers(context: Context, flavour: Flavour): Promise<void> {
  const end = Date.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const error = await ask(context, flavour);
    if (error === undefined || isRefusal(error)) return;
    if (Date.now() > end) {
      throw new BackupError('failed', `The server does not answer after the restore. ${error.message}`, {
        cause: error,
      });
    }
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
}

async function ask(context: Context, flavour: Flavour): Promise<BackupError | undefined> {
  try {
    await (await openServer(context, flavour)).query('SELECT 1');
    return undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof BackupError) return error;
    throw error;
  }
}

/** ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR. */
function isRefusal({ message }: BackupError): boolean {
  return /\b(?:1045|1698)\b/.test(message);
}

/** Whether the server that runs now has the databases of the copy. */
async function verifyRunning(context: Context, flavour: Flavour): Promise<readonly Check[]> {
  const name = 'server after the restore';
  const { tables } = await readPhysicalRecord(context.copy);
  const error = await ask(context, flavour);
  if (error !== undefined) return [{ name, status: isRefusal(error) ? 'skipped' : 'failed', message: error.message }];
  const server = await openServer(context, flavour);
  const rows = await server.query('SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA');
  const there = new Set(rows.map(([hex = '']) => Buffer.from(hex, 'hex').toString()));
  const wanted = new Set(tables.map(({ database }) => database));
  const missing = [...wanted].filter((database) => !there.has(database));
  if (missing.length > 0)
    return [{ name, status: 'failed', message: `has no database ${missing.slice(0, 5).join(', ')}` }];
  return [{ name, status: 'ok', message: `answers, and has ${wanted.size} databases of the copy` }];
}
