// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename, dirname } from 'node:path';
import { checkConfig } from '@local-backup/common/config/check';
import { type Complaint, complaintError, formatComplaint } from '@local-backup/common/config/complaint';
import { type ConfigSource, valueAt } from '@local-backup/common/config/source';
import { didYouMean } from '@local-backup/common/config/suggest';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { SERVICE_NAME_PATTERN } from '@local-backup/common/manifest';
import * as z from 'zod';
import { type Expectations, withExpect } from './expect/options.ts';
import { splitTaskBlock } from './expect/task-block.ts';
import type { Plugin } from './plugin.ts';

/** One block of a service.yaml. */
export interface ServiceTask {
  /** Its key in the file. */
  readonly key: string;
  readonly plugin: Plugin;
  /** Checked by the plugin's schema, defaults filled in. */
  readonly options: unknown;
  /** `FILE:LINE:COLUMN` of its key. */
  readonly where?: string | undefined;
  /** What has to be true of what it saves. */
  readonly expect?: Expectations | undefined;
}

/** What one service.yaml describes. */
export interface Service {
  readonly name: string;
  /** Name of the directory above the one that holds the file. */
  readonly type: string;
  readonly file: string;
  readonly configDirectory: string;
  /** In the order of the file. */
  readonly tasks: readonly ServiceTask[];
  /** Tasks that no plugin handles, for example. */
  readonly warnings: readonly string[];
}

const serviceHead = z.strictObject({
  name: z
    .string()
    .regex(SERVICE_NAME_PATTERN, 'must be a name of letters, digits, `.`, `-`, `_`, at most 100')
    .describe('Name of the service: its directory in the archive. Unique within its type.')
    .meta({ examples: ['pihole'] }),
  type: z
    .string()
    .optional()
    .describe('Accepted for old files. What counts is the directory: `<service_dir>/<type>/<name>/service.yaml`.')
    .meta({ examples: ['other'] }),
});

/** Schema of a whole service.yaml, for the reference documentation and for editors. */
export function serviceSchema(plugins: readonly Plugin[]): z.ZodObject {
  const tasks = plugins.map((plugin) => {
    const documented = plugin.name === 'files';
    const block = plugin.savesNothing ? plugin.options : withExpect(plugin.options, { documented });
    return [plugin.name, block.optional().describe(plugin.summary)] as const;
  });
  return z.strictObject({
    service: serviceHead.describe('What is saved and restored as one.'),
    ...Object.fromEntries(tasks),
  });
}

/** Type of a service, given by where its file is. */
export function serviceTypeOf(file: string): string {
  return basename(dirname(dirname(file)));
}

/**
 * Reads one service.yaml.
 * @throws BackupError `config` that lists all complaints: a service is run as it was meant, or not at all
 */
export function parseService(text: string, file: string, plugins: readonly Plugin[]): Service {
  const source = readYaml(text, file);
  const head = checkConfig(source, z.looseObject({ service: serviceHead }));
  const keys = head.ok ? Object.keys(source.value as object).filter((key) => key !== 'service') : taskKeys(source);
  const tasks = keys.map((key) => checkTask(source, key, plugins));
  const done = tasks.flatMap(({ task }) => task ?? []);
  const complaints = [
    ...source.complaints,
    ...(head.ok ? [] : head.complaints),
    ...tasks.flatMap((checked) => checked.complaints),
    ...directoryComplaints(file),
  ];
  const warnings = tasks.flatMap((checked) => checked.warning ?? []);
  const saves = done.some(({ plugin, options }) => !plugin.savesNothing && plugin.savesNothingWith?.(options) !== true);
  if (complaints.length === 0 && !saves) complaints.push(noTask(file, done, warnings));
  // A file that is refused is corrected once: what would only be a warning is listed with the rest.
  else if (complaints.length > 0) complaints.push(...warnings);
  if (!head.ok || complaints.length > 0) throw complaintError(file, complaints);
  return {
    name: head.value.service.name,
    type: serviceTypeOf(file),
    file,
    configDirectory: dirname(file),
    tasks: done,
    warnings: warnings.map(formatComplaint),
  };
}

interface CheckedTask {
  readonly task?: ServiceTask;
  readonly warning?: Complaint;
  readonly complaints: readonly Complaint[];
}

function checkTask(source: ConfigSource, key: string, plugins: readonly Plugin[]): CheckedTask {
  const plugin = plugins.find(({ name }) => name === key);
  if (plugin === undefined) {
    const names = plugins.map(({ name }) => name);
    const hint = didYouMean(key, [...names, 'service']);
    const message = `No plugin found to handle task type \`${key}\`; nothing of it is saved.${hint}`;
    return { complaints: [], warning: { file: source.file, ...source.locate([key], 'key'), path: [key], message } };
  }
  const { rest, expect } = plugin.savesNothing ? { rest: source, expect: undefined } : splitTaskBlock(source, key);
  const checked = checkConfig(rest, plugin.options, [key]);
  const complaints = [checked, expect].flatMap((part) => (part === undefined || part.ok ? [] : part.complaints));
  if (!checked.ok) return { complaints: complaintsOfWhole(source, key, plugin) ?? complaints };
  if (complaints.length > 0) return { complaints };
  const { line, column } = source.locate([key], 'key');
  const where = `${source.file}:${line}:${column}`;
  const expected = expect?.ok === true ? expect.value : undefined;
  return { complaints, task: { key, plugin, options: checked.value, where, expect: expected } };
}

/** The same of the block in one piece: keys that are allowed in it are those of the plugin, and `expect`. */
function complaintsOfWhole(source: ConfigSource, key: string, plugin: Plugin): readonly Complaint[] | undefined {
  if (plugin.savesNothing) return undefined;
  const whole = checkConfig(source, withExpect(plugin.options, { documented: false }), [key]);
  return whole.ok ? undefined : whole.complaints;
}

/** Tasks of a file whose head is wrong: they are checked too, so that all complaints come at once. */
function taskKeys(source: ConfigSource): string[] {
  const { value } = source;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  return Object.keys(value).filter((key) => key !== 'service' && valueAt(value, [key]) !== undefined);
}

function directoryComplaints(file: string): Complaint[] {
  const type = serviceTypeOf(file);
  if (SERVICE_NAME_PATTERN.test(type)) return [];
  const message = `the directory name "${type}" cannot be a type: letters, digits, \`.\`, \`-\`, \`_\` are allowed`;
  return [{ file, line: 1, column: 1, path: [], message }];
}

function noTask(file: string, tasks: readonly ServiceTask[], warnings: readonly Complaint[]): Complaint {
  const keys = tasks.map(({ key }) => `\`${key}\``).join(' and ');
  const why = keys === '' ? 'there is no task' : `there is no task beside ${keys}`;
  const message = [`${why}, so nothing would be saved`, ...warnings.map((warning) => warning.message)];
  return { file, line: 1, column: 1, path: [], message: message.join('. ') };
}
