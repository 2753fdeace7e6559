// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PluginContext } from '../../plugin.ts';
import type { CopyContext, RestoreContext } from '../../plugin-copy.ts';

/** Version of the protocol: a number that only grows when something that plugins rely on changes. */
export const PROTOCOL = '1';

/** Environment of every stage; `base` comes from the program: LOG_LEVEL. */
export function stageEnvironment(
  name: string,
  { service }: Pick<PluginContext, 'service'>,
  base: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    ...base,
    DRY_RUN: 'false',
    BACKUP_PROTOCOL: PROTOCOL,
    BACKUP_TASK: name,
    BACKUP_SERVICE: service.name,
    BACKUP_TYPE: service.type,
    BACKUP_CONFIG_DIRECTORY: service.configDirectory,
  };
}

/** The file `$BACKUP_FACTS_FILE`: however many facts there are, a file holds them. */
export async function writeFacts({ scratch, facts }: Pick<CopyContext, 'scratch' | 'facts'>): Promise<void> {
  await writeFile(factsFileIn(scratch), JSON.stringify(facts), { mode: 0o600 });
}

function factsFileIn(scratch: string): string {
  return join(scratch, '.backup-facts');
}

/** What is added for stages that look at a restored copy. */
export function copyEnvironment(
  name: string,
  { copy, scratch, facts, level }: Pick<CopyContext, 'copy' | 'scratch' | 'facts' | 'level'>,
): Record<string, string> {
  const text = JSON.stringify(facts);
  return {
    BACKUP_COPY: copy,
    BACKUP_SAVED: join(copy, name),
    BACKUP_SCRATCH: scratch,
    BACKUP_LEVEL: level,
    BACKUP_FACTS_FILE: factsFileIn(scratch),
    // Left out, not cut off: half of a JSON object is none.
    ...(Buffer.byteLength(text) <= LARGEST_FACTS ? { BACKUP_FACTS: text } : {}),
  };
}

/** Bytes of a variable: exec(2) refuses a string of 128 KiB or more, with its name (MAX_ARG_STRLEN). */
const LARGEST_FACTS = 100_000;

/** What is added for the stages of a restore. */
export function restoreEnvironment({ kept, as }: Pick<RestoreContext, 'kept' | 'as'>): Record<string, string> {
  return { BACKUP_KEPT: kept, ...(as === undefined ? {} : { BACKUP_AS: as }) };
}

/**
 * The options that are a text, a number, true, false, or a list of such, each as `BACKUP_OPTION_<KEY>`, so that a shell script
 * needs no reader of JSON; lists with one item a line. Keys that would be the same variable, and values with a NUL, are left
 * out: standard input has them all.
 */
export function optionVariables(options: Readonly<Record<string, unknown>>): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [key, value] of Object.entries(options)) {
    const name = `BACKUP_OPTION_${key.toUpperCase().replace(/[^A-Z0-9_]/g, '_')}`;
    const items = Array.isArray(value) ? value : [value];
    const text = items.join('\n');
    const isPlain = items.every((item) => ['string', 'number', 'boolean'].includes(typeof item));
    if (isPlain && !text.includes('\0') && text.length <= LONGEST_OPTION && !(name in variables))
      variables[name] = text;
  }
  return variables;
}

/** Characters of an option in the environment; the kernel takes 128 KiB a variable. */
const LONGEST_OPTION = 30_000;
