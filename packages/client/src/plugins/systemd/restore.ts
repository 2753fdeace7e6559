// SPDX-License-Identifier: AGPL-3.0-or-later
import { copyFile, lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { writeFileAtomic } from '@local-backup/common/atomic-file';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';
import type { RestoreContext, RestoreStep, TaskRestore } from '../../plugin-copy.ts';
import { unitsInTrouble, verifyUnits } from './after-restore.ts';
import type { SystemdOptions } from './options.ts';
import { findActive, parseStoppedUnits, startUnits, stopUnits } from './quiet.ts';
import { isRestorable, readSavedFile, readUnitRecord, savedFile, type UnitRecord } from './unit-files.ts';
import { showUnits } from './units.ts';
import { requireStoppable, requireSystemctl } from './validate.ts';

type Restore = RestoreContext<SystemdOptions>;

const memoSchema = z.looseObject({
  /** Files that were replaced or, without `kept`, created. */
  files: z.array(z.object({ file: z.string(), kept: z.string().optional() })).default([]),
  /** Units that were enabled. */
  enabled: z.array(z.string()).default([]),
  /** Units that were restarted again and again before. */
  troubled: z.array(z.string()).default([]),
});

/** A saved file that is not what is on the host. */
interface Change {
  readonly unit: string;
  readonly file: string;
  readonly isThere: boolean;
}

/** Puts unit files back, and has systemd read them. The units are stopped and started around the other tasks. */
export const restore: TaskRestore<SystemdOptions> = {
  async plan(context) {
    await requireSystemctl();
    if (context.as !== undefined)
      throw new BackupError(
        'config',
        'systemd units cannot be restored under another name (`--as`): their files name each other.',
      );
    await requireStoppable(context);
    const record = await recordOf(context);
    const { changes, notes } = await findChanges(record, context);
    const active = await findActive(context);
    const steps: RestoreStep[] = active.stop.map(({ name }) => ({ action: 'stop', what: `unit ${name}` }));
    for (const { file, isThere } of changes) steps.push({ action: isThere ? 'replace' : 'create', what: file });
    steps.push(...notes.map((what) => ({ action: 'note', what }) as const));
    for (const name of (await plannedStart(record, changes, context)).map((unit) => unit.name))
      steps.push({ action: 'start', what: `unit ${name}` });
    return steps.length > 0 ? steps : [{ action: 'note', what: 'the unit files are as they were saved' }];
  },

  async stop(context) {
    const active = await findActive(context);
    const record = await recordOf(context);
    const { changes } = await findChanges(record, context);
    // What there is no unit of yet cannot run: it is to run as it did when it was saved.
    const known = new Set(active.stop.map(({ name }) => name));
    const later = (await plannedStart(record, changes, context)).filter(({ name }) => !known.has(name));
    const running = [...active.stop, ...active.dependents].map(({ name }) => name);
    const troubled = await unitsInTrouble(running, context);
    await context.remember({ ...active, later, troubled });
    await stopUnits(active, context);
  },

  async apply(context) {
    const record = await recordOf(context);
    const { changes, notes } = await findChanges(record, context);
    for (const change of changes) await putFile(change, context);
    if (changes.length > 0) await systemctl(['daemon-reload'], context);
    for (const { name, unitFileState } of record.units) {
      if (unitFileState !== 'enabled' || !changes.some(({ unit }) => unit === name)) continue;
      const [now] = await showUnits([name], context);
      if (now?.unitFileState !== 'disabled') continue;
      const memo = memoOf(context);
      await context.remember({ ...memo, enabled: [...memo.enabled, name] });
      await systemctl(['enable', '--', name], context);
    }
    return notes;
  },

  async revert(context) {
    const { enabled, files, ...rest } = memoOf(context);
    // There were no such units before.
    for (const { name } of laterOf(context)) await systemctl(['stop', '--', name], context).catch(() => undefined);
    for (const name of enabled) await systemctl(['disable', '--', name], context).catch(() => undefined);
    for (const { file, kept } of [...files].reverse()) await putFileBack(file, kept);
    if (files.length > 0) await systemctl(['daemon-reload'], context);
    if (files.length + enabled.length > 0) await context.remember({ ...rest, files: [], enabled: [] });
  },

  async start(context) {
    const memo = context.remembered();
    if (memo === undefined) return;
    const { stop, dependents } = parseStoppedUnits(memo);
    const later = laterOf(context);
    const there = new Set(
      (
        await showUnits(
          later.map(({ name }) => name),
          context,
        )
      )
        .filter(({ loadState }) => loadState === 'loaded')
        .map(({ name }) => name),
    );
    const wanted = { stop: [...stop, ...later.filter(({ name }) => there.has(name))], dependents };
    await startUnits(wanted, context, memoOf(context).troubled);
  },

  async verify(context) {
    const { stop, dependents } = parseStoppedUnits(context.remembered() ?? { stop: [], dependents: [] });
    return verifyUnits({ stop: [...stop, ...laterOf(context)], dependents }, memoOf(context).troubled, context);
  },
};

/** Units that there were none of, and that ran when they were saved. */
function laterOf(context: Restore) {
  return parseStoppedUnits({ stop: context.remembered()?.later ?? [], dependents: [] }).stop;
}

function memoOf(context: Restore) {
  return memoSchema.parse(context.remembered() ?? {});
}

async function recordOf({ options, copy }: Restore): Promise<UnitRecord> {
  return options.save_units ? await readUnitRecord(copy) : { format: 1, units: [] };
}

async function systemctl(args: readonly string[], { exec, signal, options }: Restore): Promise<string> {
  const { stdout } = await exec('systemctl', args, { cwd: '/', timeoutMs: options.start_timeout, signal });
  return stdout;
}

async function findChanges({ units }: UnitRecord, context: Restore) {
  const unitPath = (await systemctl(['show', '--no-pager', '--property=UnitPath', '--value'], context))
    .trim()
    .split(/\s+/);
  const changes: Change[] = [];
  const notes: string[] = [];
  for (const { name, files } of units.filter((unit) => context.options.units.includes(unit.name))) {
    for (const file of files) {
      const saved = await readSavedFile(context.copy, file);
      const now = await readFile(file).catch(() => undefined);
      if (now !== undefined && saved.equals(now)) continue;
      const obstacle = await obstacleTo(file, name, unitPath);
      if (obstacle === undefined) changes.push({ unit: name, file, isThere: now !== undefined });
      else notes.push(`${file} is not put back: ${obstacle}`);
    }
  }
  return { changes, notes };
}

async function obstacleTo(file: string, unit: string, unitPath: readonly string[]): Promise<string | undefined> {
  if (!isRestorable(file, unit, unitPath))
    return `a package or a generator brings it, or it is not where systemd looks for ${unit}.`;
  const facts = await lstat(file).catch(() => undefined);
  // `systemctl mask` and `link` make links: the admin's word, which a file in its place could not be taken back to.
  return facts?.isSymbolicLink() ? 'it is a link now. Try: systemctl unmask, or remove the link.' : undefined;
}

/** Units that there are none of on this host, and that ran when they were saved: to be started, in this order of stopping. */
async function plannedStart({ units }: UnitRecord, changes: readonly Change[], context: Restore) {
  const names = units
    .filter(({ active, name }) => active && changes.some(({ unit }) => unit === name))
    .map(({ name }) => name);
  const now = await showUnits(names, context);
  return now.filter(({ loadState }) => loadState === 'not-found').map(({ name, isJob }) => ({ name, isJob }));
}

async function putFile({ file }: Change, context: Restore): Promise<void> {
  const memo = memoOf(context);
  const facts = await lstat(file).catch(() => undefined);
  const kept = facts === undefined ? undefined : join(context.kept, `${memo.files.length}-${basename(file)}`);
  if (kept !== undefined) await copyFile(file, kept);
  await context.remember({ ...memo, files: [...memo.files, kept === undefined ? { file } : { file, kept }] });
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  const saved = await lstat(await savedFile(context.copy, file));
  const owner = { mode: saved.mode & 0o777, uid: saved.uid, gid: saved.gid };
  await writeFileAtomic(file, await readSavedFile(context.copy, file), owner);
}

async function putFileBack(file: string, kept: string | undefined): Promise<void> {
  if (kept === undefined) return rm(file, { force: true });
  const { mode, uid, gid } = await lstat(kept);
  await writeFileAtomic(file, await readFile(kept), { mode: mode & 0o777, uid, gid });
}
