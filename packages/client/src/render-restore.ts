// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { RestoreStep } from './plugin-copy.ts';
import type { BuiltIn, Stage } from './restore/order.ts';
import { formatNumber } from './restore/order.ts';
import type { TaskPlan } from './restore/plan-restore.ts';
import type { TaskChecks } from './verify-copy.ts';

/** What is shown before anything is done. */
export interface ShownPlan {
  /** `type/name` */
  readonly service: string;
  readonly as: string | undefined;
  /** Where the copy is, and why this one. */
  readonly source: string;
  readonly notes: readonly string[];
  /** In the order of `apply`. */
  readonly tasks: readonly TaskPlan[];
  readonly checks: readonly TaskChecks[];
  readonly stages: readonly Stage[];
  readonly kept: string;
}

/** Which of the program's own steps an action belongs to; a plugin's notes are told where its data comes back. */
const STAGE_OF: Readonly<Record<RestoreStep['action'], BuiltIn>> = {
  stop: 'stop',
  keep: 'restore',
  replace: 'restore',
  create: 'restore',
  load: 'restore',
  note: 'restore',
  start: 'start',
};

const TITLES: Readonly<Record<BuiltIn, string>> = {
  ...{ stop: 'stop', restore: 'restore', start: 'start' },
  load: 'load, into what runs in containers',
  verify: 'verify what runs again; where it is not what was put back, the old state is put back',
};

/** The plan of a restore, a step a line. Pure. */
export function renderRestorePlan(plan: ShownPlan): string {
  const how = plan.as === undefined ? 'in place' : `as ${showControls(plan.as)}, beside what is there`;
  return [
    `Restore of ${plan.service}, ${how}, from ${plan.source}`,
    ...plan.notes.map((note) => `  ${showControls(note)}`),
    ...plan.checks.flatMap(renderChecks),
    ...plan.stages.flatMap((stage) => renderStage(stage, plan.tasks)),
    `What is replaced is kept in ${plan.kept} until you remove it.`,
    '',
  ].join('\n');
}

function renderChecks({ task, checks }: TaskChecks): readonly string[] {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  const skipped = checks.filter(({ status }) => status === 'skipped');
  return [
    `  checked: ${task}: ${count('ok')} of ${checks.length} checks of the copy are fine`,
    ...skipped.map(({ name, message }) => `    not looked at: ${showControls(name)}: ${showControls(message)}`),
  ];
}

function renderStage(stage: Stage, tasks: readonly TaskPlan[]): readonly string[] {
  const number = formatNumber(stage.number);
  if (stage.kind === 'user') return [`${number} ${stage.step.name} of restore.d`];
  const { kind } = stage;
  if (kind === 'verify') return [`${number} ${TITLES.verify}`, ...tasks.flatMap(renderVerify)];
  const inOrder = kind === 'start' ? [...tasks].reverse() : tasks;
  const lines = inOrder.flatMap((task) => renderTask(kind, task));
  return [`${number} ${TITLES[kind]}${lines.length === 0 ? ': nothing' : ''}`, ...lines];
}

function renderVerify({ task, steps, verifies }: TaskPlan): readonly string[] {
  if (steps === undefined) return [];
  return [verifies ? `   ${task}` : `   ${task}: not looked at, its plugin cannot`];
}

function renderTask(kind: BuiltIn, { task, steps, late }: TaskPlan): readonly string[] {
  if (steps === undefined) {
    const where = '"How to put it back by hand" in its page, /usr/share/doc/backup-client/plugins/';
    const text = `   ${task}: nothing is put back by itself; see ${where}`;
    return kind === 'restore' ? [text] : [];
  }
  return steps
    .filter(({ action }) => stageOf(action, late) === kind)
    .map(({ action, what }) => `   ${task}: ${action === 'note' ? '' : `${action} `}${showControls(what)}`);
}

function stageOf(action: RestoreStep['action'], late: boolean): BuiltIn {
  const stage = STAGE_OF[action];
  return late && stage !== 'stop' ? 'load' : stage;
}

/** What is told at the end of a restore. */
export function renderRestored(end: {
  readonly service: string;
  readonly warnings: readonly string[];
  /** What was found of what runs again. */
  readonly proofs: readonly TaskChecks[];
  /** Tasks that have replaced something. */
  readonly replaced: readonly string[];
  readonly kept: string;
  readonly byHand: readonly string[];
  /** The tar file that the server had sent for this; it stays in the spool. */
  readonly sent: string | undefined;
}): string {
  const { service, warnings, proofs, replaced, kept, byHand, sent } = end;
  const files = sent === undefined ? '' : `${sent} ${sent}.json`;
  return [
    ...warnings.map((warning) => `warning: ${showControls(warning)}`),
    `Restored ${service}.`,
    ...proofs.map(renderProof),
    ...(byHand.length === 0 ? [] : [`By hand: ${byHand.join(', ')}.`]),
    ...(replaced.length === 0
      ? ['Nothing had to be kept.']
      : [`What was replaced (${replaced.join(', ')}) is in ${kept}. When all is well: rm -r ${kept}`]),
    ...(sent === undefined ? [] : [`What the server has sent stays in the spool. To remove it: rm ${files}`]),
    '',
  ].join('\n');
}

/** One task's line about what runs again. Pure. */
export function renderProof({ task, checks }: TaskChecks): string {
  const fine = checks.filter(({ status }) => status === 'ok').map(({ name, message }) => `${name}: ${message}`);
  const skipped = checks.filter(({ status }) => status === 'skipped').map(({ name, message }) => `${name}: ${message}`);
  const parts = [
    ...(fine.length === 0 ? [] : [`verified: ${shorten(fine)}`]),
    ...(skipped.length === 0 ? [] : [`NOT looked at: ${shorten(skipped)}`]),
  ];
  return `${task}: ${parts.length === 0 ? 'NOT looked at: its plugin has nothing to say of what runs again' : parts.join('. ')}`;
}

/** Of many, the first tell enough. */
const MOST_TOLD = 5;

function shorten(texts: readonly string[]): string {
  const told = texts.slice(0, MOST_TOLD).map((text) => showControls(text));
  return [...told, ...(texts.length > MOST_TOLD ? [`and ${texts.length - MOST_TOLD} more`] : [])].join('; ');
}

/** One directory with what restores have replaced. */
export interface KeptDirectory {
  readonly path: string;
  readonly tasks: readonly string[];
}

/** What `restore --list-kept` prints. Pure. */
export function renderKept(root: string, kept: readonly KeptDirectory[]): string {
  if (kept.length === 0) return `Nothing is kept in ${root}.\n`;
  const lines = kept.map(({ path, tasks }) => `${path}  ${tasks.map((task) => showControls(task)).join(', ')}`);
  return [`Replaced by restores, and kept (to remove one: rm -r DIRECTORY):`, ...lines, ''].join('\n');
}
