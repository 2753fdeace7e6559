// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdir, readdir, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { bytesOf } from '@local-backup/common/byte-path';
import { BackupError, describeError } from '@local-backup/common/errors';
import type { Plugin, PluginContext, TaskResult } from './plugin.ts';
import { type ContractIo, copyContextIn, saveContextIn } from './plugin-contract-context.ts';
import type { Check } from './plugin-copy.ts';

/** One rule of the contract, and whether the plugin keeps it. */
export interface ContractLine {
  readonly rule: string;
  readonly state: 'ok' | 'FAILED' | 'skipped';
  readonly message: string;
}

export interface ContractSettings {
  /** Put back what was saved, and then the state before: changes this host. */
  readonly withRestore: boolean;
}

/** Not a matter of this plugin. */
class Skipped extends Error {}

/**
 * What the core relies on in every plugin, tried with one task: `prepare` and `post` are really called. Everything else
 * happens in `io.directory`, an empty one.
 */
export async function testPlugin(
  plugin: Plugin,
  { withRestore }: ContractSettings,
  io: ContractIo,
): Promise<readonly ContractLine[]> {
  const lines: ContractLine[] = [];
  const rule = async (name: string, work: () => Promise<string | undefined>): Promise<boolean> => {
    const line = await lineOf(name, work);
    // Whatever was stopped has been started by now.
    io.signal.throwIfAborted();
    lines.push(line);
    return line.state !== 'FAILED';
  };
  // As in a run: nothing else is called of a task that cannot be done.
  if (!(await rule('validate finds nothing wrong, and changes nothing', () => validateRule(plugin, io)))) return lines;
  await rule('post does nothing where prepare has not begun', () => postAloneRule(plugin, io));
  await rule('post puts back what a killed prepare has left', () => killedRule(plugin, io));
  let result: TaskResult = {};
  const isSaved = await rule('prepare, run and post save something', async () => {
    result = await saveRule(plugin, io);
    return saidOf(plugin, result);
  });
  if (!isSaved) return lines;
  const facts = result.facts ?? {};
  await rule('verify finds nothing wrong with what was saved', () => verifyRule(plugin, facts, io));
  await rule('restore-plan tells what a restore would do', () => planRule(plugin, facts, io));
  if (withRestore) await rule('restore and revert come to their end', () => restoreRule(plugin, facts, io));
  // Last, because the copy is of no use afterwards.
  await rule('verify finds out that every file has lost its content', () => damageRule(plugin, facts, io));
  return lines;
}

/** The boundary of a rule. */
async function lineOf(rule: string, work: () => Promise<string | undefined>): Promise<ContractLine> {
  try {
    return { rule, state: 'ok', message: (await work()) ?? '' };
  } catch (error) {
    if (error instanceof Skipped) return { rule, state: 'skipped', message: error.message };
    return { rule, state: 'FAILED', message: error instanceof BackupError ? error.message : describeError(error) };
  }
}

async function validateRule(plugin: Plugin, io: ContractIo): Promise<string | undefined> {
  const { context, stage } = await saveContextIn(io, 'validate');
  const warnings = await plugin.validate?.(context);
  const left = await readdir(stage);
  if (left.length > 0) throw broken(`validate has left ${left.join(', ')} in the stage`);
  if (context.remembered() !== undefined) throw broken('validate has something to remember');
  return warnings?.join('\n');
}

async function postAloneRule(plugin: Plugin, io: ContractIo): Promise<undefined> {
  const { context } = await saveContextIn(io, 'alone');
  await plugin.post?.(context);
  return undefined;
}

async function killedRule(plugin: Plugin, io: ContractIo): Promise<undefined> {
  if (plugin.prepare === undefined) throw new Skipped('it has no prepare');
  const { context } = await saveContextIn(io, 'killed');
  try {
    await plugin.prepare(context);
  } finally {
    const { context: later } = await saveContextIn(io, 'killed', context.remembered());
    await postTwice(plugin, later);
  }
  return undefined;
}

async function postTwice(plugin: Plugin, context: PluginContext): Promise<void> {
  await plugin.post?.(toTheEnd(context));
  await plugin.post?.(toTheEnd(context));
}

/** What puts back is not ended by Ctrl-C, as in a run. */
function toTheEnd<Context extends { readonly signal: AbortSignal }>(context: Context): Context {
  return { ...context, signal: new AbortController().signal };
}

/** Saves into `copy`, as the core does. */
async function saveRule(plugin: Plugin, io: ContractIo): Promise<TaskResult> {
  const { context, stage } = await saveContextIn(io, 'stage');
  const copy = join(io.directory, 'copy');
  await mkdir(copy, { mode: 0o700 });
  let result: TaskResult;
  try {
    await plugin.prepare?.(context);
    result = await plugin.run(context);
    for (const { root, paths, into } of result.trees ?? []) {
      await mkdir(join(copy, into), { recursive: true });
      const names = paths.map((path) => bytesOf(path).toString());
      await io.exec('cp', ['-a', '--parents', '--', ...names, join(copy, into)], {
        cwd: root,
        timeoutMs: COPY_TIMEOUT_MS,
      });
    }
  } finally {
    await postTwice(plugin, context);
  }
  await io.exec('cp', ['-a', '--', `${stage}/.`, copy], { timeoutMs: COPY_TIMEOUT_MS });
  if ((await readdir(copy)).length === 0 && !plugin.savesNothing) throw broken('it has saved nothing');
  const hidden = (await readdir(stage)).filter((name) => name.startsWith('.'));
  if (hidden.length > 0) throw broken(`post has left ${hidden.join(', ')} where it goes into the archive`);
  return result;
}

/** What was saved may be as large as the disk allows. */
const COPY_TIMEOUT_MS = 6 * 60 * 60_000;

function saidOf(plugin: Plugin, { warnings = [], facts = {}, trees = [] }: TaskResult): string {
  const told = Object.entries(facts).map(([name, value]) => `${name}: ${value}`);
  const where = plugin.savesNothing
    ? ['saves nothing, as it says']
    : trees.map(({ root, into }) => `${root} as ${into}`);
  return [...where, ...told, ...warnings.map((warning) => `warning: ${warning}`)].join('\n');
}

async function checksOf(plugin: Plugin, facts: Readonly<Record<string, string>>, io: ContractIo) {
  if (plugin.verify === undefined) throw new Skipped('it has no verify');
  return plugin.verify(await copyContextIn(io, facts));
}

async function verifyRule(plugin: Plugin, facts: Readonly<Record<string, string>>, io: ContractIo): Promise<string> {
  const checks = await checksOf(plugin, facts, io);
  if (checks.length === 0) throw new Skipped('it has looked at nothing');
  const failed = checks.filter(({ status }) => status === 'failed');
  if (failed.length > 0) throw broken(checkText(failed));
  return checkText(checks);
}

async function damageRule(plugin: Plugin, facts: Readonly<Record<string, string>>, io: ContractIo): Promise<string> {
  if (plugin.verify === undefined) throw new Skipped('it has no verify');
  if (plugin.savesNothing) throw new Skipped('it saves nothing');
  await emptyFiles(join(io.directory, 'copy'));
  const checks = await checksOf(plugin, facts, io).catch((error: unknown): readonly Check[] => {
    // Not even being able to look is noticed.
    return [{ name: plugin.name, status: 'failed', message: describeError(error) }];
  });
  const failed = checks.filter(({ status }) => status === 'failed');
  if (checks.length === 0) throw new Skipped('it has looked at nothing');
  if (failed.length === 0) throw broken('all files were empty, and verify found nothing wrong');
  return checkText(failed);
}

async function planRule(plugin: Plugin, facts: Readonly<Record<string, string>>, io: ContractIo): Promise<string> {
  if (plugin.restore === undefined) throw new Skipped('it has no restore');
  const steps = await plugin.restore.plan(await copyContextIn(io, facts));
  if (steps.length === 0) throw broken('the plan is empty');
  return steps.map(({ action, what }) => `${action}: ${what}`).join('\n');
}

async function restoreRule(plugin: Plugin, facts: Readonly<Record<string, string>>, io: ContractIo): Promise<string> {
  const { restore } = plugin;
  if (restore === undefined) throw new Skipped('it has no restore');
  const context = await copyContextIn(io, facts);
  let warnings: readonly string[] = [];
  try {
    await restore.stop?.(context);
    try {
      warnings = await restore.apply(context);
    } finally {
      await restore.revert(toTheEnd(context));
      await restore.revert(toTheEnd(context));
    }
  } finally {
    await restore.start?.(toTheEnd(context));
  }
  return warnings.join('\n');
}

async function emptyFiles(directory: string): Promise<void> {
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await emptyFiles(path);
    else if (entry.isFile()) await truncate(path);
    else await rm(path, { force: true });
  }
}

function checkText(checks: readonly Check[]): string {
  return checks
    .map(({ name, status, message }) => `${status}: ${name}${message === '' ? '' : `: ${message}`}`)
    .join('\n');
}

function broken(what: string): BackupError {
  return new BackupError('failed', what);
}
