// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import * as z from 'zod';

/** The stages, by the word that an executable gets as its argument. docs/plugins.md tells what each is for. */
export const STAGES = [
  'describe',
  'validate',
  'prepare',
  'run',
  'post',
  'verify',
  'restore-plan',
  'restore-stop',
  'restore',
  'restore-start',
  'restore-verify',
  'revert',
] as const;

export type Stage = (typeof STAGES)[number];

/** A stage that an executable does not list in its description may still be there: only the executable knows. */
const OPTIONAL_STAGES = STAGES.filter((stage) => stage !== 'describe' && stage !== 'run');

const described = z.strictObject({
  summary: z.string().max(500).optional(),
  stages: z.array(z.enum(['run', ...OPTIONAL_STAGES])).optional(),
  options: z.record(z.string(), z.unknown()).optional(),
  order: z.int().min(0).max(100).optional(),
  saves_nothing: z.boolean().optional(),
  takes_container: z.boolean().optional(),
});

/** What an executable says of itself. */
export type Description = z.infer<typeof described>;

const RELATIVE = /^(?!(?:[^\0]*\/)?\.\.(?:\/|$))[^/\0][^\0]*$/;

const tree = z.strictObject({
  root: z.string().regex(/^\/[^\0]*$/, 'must be an absolute path'),
  paths: z.array(z.string().regex(RELATIVE, 'must be relative to `root`, without `..`')).min(1),
  exclude: z.array(z.string()).default([]),
  into: z
    .string()
    .regex(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,60}$/, 'must be a name of letters, digits, `.`, `-`, `_`')
    .default('data'),
  one_file_system: z.boolean().default(true),
});

const check = z.strictObject({
  name: z.string().min(1).max(500),
  status: z.enum(['ok', 'failed', 'skipped']),
  message: z.string().max(5_000).default(''),
});

const step = z.strictObject({
  action: z.enum(['stop', 'keep', 'replace', 'create', 'load', 'start', 'note']),
  what: z.string().min(1).max(1_000),
});

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

/** Every answer is an object with one of these keys; `log` has its text beside it, in `message`. */
const ANSWERS = {
  log: z.enum(LEVELS),
  warning: z.string().max(5_000),
  tree,
  fact: z.record(z.string().max(100), z.string().max(1_000)),
  tables: z.record(z.string().max(500), z.int().min(0).nullable()),
  check,
  step,
  remember: z.record(z.string(), z.unknown()),
  describe: described,
} as const;

type Kind = keyof typeof ANSWERS;

/** What an answer may be given in; the others take it nowhere, so it would be lost. */
const STAGES_OF: Readonly<Record<Kind, readonly Stage[]>> = {
  log: STAGES,
  warning: STAGES,
  tree: ['run'],
  fact: ['run'],
  tables: ['run'],
  check: ['verify', 'restore-verify'],
  step: ['restore-plan'],
  remember: ['prepare', 'restore-stop', 'restore'],
  describe: ['describe'],
};

/** One line of an executable's standard output. */
export type Answer =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'log'; readonly level: (typeof LEVELS)[number]; readonly message: string }
  | { [K in Exclude<Kind, 'log'>]: { readonly kind: K; readonly value: z.infer<(typeof ANSWERS)[K]> } }[Exclude<
      Kind,
      'log'
    >];

/** More of a plugin's memo is not kept: it has to fit into one variable of the environment. */
export const LARGEST_MEMO = 64 * 1024;

/**
 * Reads one line of standard output. A line that is no JSON object is text for the log.
 * @param where `etcd.py, run, line 3 of its output`
 * @throws BackupError `failed` for a JSON object that is not of the protocol: a misspelt key must not lose a warning
 */
export function parseAnswer(line: string, stage: Stage, where: string): Answer {
  const object = jsonObject(line);
  if (object === undefined) return { kind: 'text', text: line };
  const keys = Object.keys(object);
  const [kind] = keys.filter(isKind);
  if (kind === undefined) throw refused(where, `no key of the protocol: ${keys.map(showControls).join(', ')}`);
  const extra = keys.filter((key) => key !== kind && !(kind === 'log' && key === 'message'));
  if (extra.length > 0) throw refused(where, `unknown key beside \`${kind}\`: ${extra.map(showControls).join(', ')}`);
  if (!STAGES_OF[kind].includes(stage)) {
    throw refused(where, `\`${kind}\` belongs to ${STAGES_OF[kind].join(', ')}, not to ${stage}`);
  }
  return answerOf(kind, object, where);
}

function answerOf(kind: Kind, object: Readonly<Record<string, unknown>>, where: string): Answer {
  const checked = ANSWERS[kind].safeParse(object[kind]);
  if (!checked.success) {
    const [issue] = checked.error.issues;
    const at = [kind, ...(issue?.path ?? [])].map((part) => showControls(String(part))).join('.');
    throw refused(where, `${at}: ${issue?.message ?? 'not as it should be'}`);
  }
  if (kind === 'log') {
    if (typeof object.message !== 'string') throw refused(where, '`log` needs its text in `message`');
    return { kind, level: checked.data as (typeof LEVELS)[number], message: object.message };
  }
  if (kind === 'remember' && JSON.stringify(checked.data).length > LARGEST_MEMO) {
    throw refused(where, `remember: more than ${LARGEST_MEMO} characters`);
  }
  return { kind, value: checked.data } as Answer;
}

function refused(where: string, why: string): BackupError {
  return new BackupError(
    'failed',
    `${where}: ${why}. Keys and stages are in docs/plugins.md; a line that does not begin with { is text for the log.`,
  );
}

function isKind(key: string): key is Kind {
  return Object.hasOwn(ANSWERS, key);
}

function jsonObject(line: string): Readonly<Record<string, unknown>> | undefined {
  if (!line.trimStart().startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}
