// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { yamlText } from '@local-backup/common/config/yaml-text';
import { BackupError } from '@local-backup/common/errors';
import type { Log } from '@local-backup/common/log';
import type { PluginContext } from '../../plugin.ts';
import { CALL, type FunctionName } from './driver.ts';
import type { Probed, ProbeIo } from './probe.ts';
import { closeState, openState } from './state.ts';
import { withWorkshop } from './workshop.ts';

/** Lines of output that go to the log of one call; the rest is counted. */
const MOST_LINES = 2_000;
/** Warnings and errors of one call, which are in record and mail; the rest is counted. */
const MOST_WARNINGS = 100;
const LONGEST_LINE = 2_000;

/** `task_timeout` of client_config.yml is lower than this longest time that a timer takes. */
const WORK_TIMEOUT_MS = 24 * 24 * 60 * 60_000;
/** Validating looks, and putting back must not keep a recovery from the other services. In milliseconds. */
const OTHER_TIMEOUT_MS = 60 * 60_000;

export interface ShellCall {
  readonly probed: Probed;
  readonly name: FunctionName;
  /** The service's directory in the backup: `.state` is in it. */
  readonly backupDirectory: string;
}

type Context = Pick<PluginContext, 'service' | 'options' | 'exec' | 'log' | 'signal'>;

/**
 * Calls one function of a plugin, in a bash of its own (C41), with the task's block of the service.yaml in a file that only
 * lives for the call (C38).
 * @returns the warnings and errors that it has logged though it went well
 * @throws BackupError `failed` where the function fails or hangs
 */
export async function callFunction(call: ShellCall, context: Context, io: ProbeIo): Promise<readonly string[]> {
  const { probed, name, backupDirectory } = call;
  const { exec, log, signal } = context;
  const heard = hear(log);
  const stderr = await withWorkshop(probed.file, io, async (workshop) => {
    return withConfigFile(call, context.options, async (configFile) => {
      const args = argumentsOf(call, configFile, context);
      const work = dirname(dirname(backupDirectory));
      const env = { ...io.environment, ...workshop.env, WORK_DIR: work, work_dir: work };
      const timeoutMs =
        name === 'plugin_run_backup' || name === 'plugin_prepare_backup' ? WORK_TIMEOUT_MS : OTHER_TIMEOUT_MS;
      const how = { cwd: '/', env, timeoutMs, limitedBy: '`task_timeout` of client_config.yml', signal };
      const result = await exec('bash', ['-c', CALL, workshop.file, name, ...args], { ...how, onLine: heard.line });
      return result.stderr;
    });
  }).catch((error: unknown) => {
    throw error instanceof BackupError ? explained(call, error) : error;
  });
  for (const line of stderr.split('\n')) heard.line(line);
  heard.end();
  return heard.warnings;
}

function explained({ probed, name }: ShellCall, error: BackupError): BackupError {
  return new BackupError(error.code, `${basename(probed.file)}: ${name}: ${error.message}`, { cause: error });
}

/** Emergency has no configuration: it may be called long after the service.yaml is gone. */
function argumentsOf(
  { probed, name, backupDirectory }: ShellCall,
  configFile: string,
  { service }: Context,
): readonly string[] {
  if (name === 'plugin_emergency_cleanup') return [backupDirectory];
  if (probed.api === 3) return [configFile, service.configDirectory, backupDirectory];
  return name === 'plugin_validate_config' ? [configFile] : [configFile, backupDirectory];
}

async function withConfigFile<Result>(
  { probed, name, backupDirectory }: ShellCall,
  options: unknown,
  work: (file: string) => Promise<Result>,
): Promise<Result> {
  const state = await openState(backupDirectory);
  const file = join(state, `${basename(probed.file, '.sh')}_${name}_config.${randomBytes(4).toString('hex')}`);
  try {
    await writeFile(file, yamlText(options), { mode: 0o600, flag: 'wx' });
    return await work(file);
  } finally {
    await rm(file, { force: true });
    await closeState(backupDirectory);
  }
}

const LOG_LINE = /^(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - )?(ERROR|WARN|INFO|DEBUG) ?: *(.*)$/;

const LEVELS = { ERROR: 'error', WARN: 'warn', INFO: 'info', DEBUG: 'debug' } as const;

/** Turns what a plugin prints into log lines of ours. */
function hear(log: Log) {
  const warnings: string[] = [];
  const [lines, troubles] = [createLimit(MOST_LINES), createLimit(MOST_WARNINGS)];
  return {
    warnings,
    line: (line: string) => {
      if (line.trim() === '') return;
      const [, word = 'INFO', text = line] = LOG_LINE.exec(line) ?? [];
      const level = LEVELS[word as keyof typeof LEVELS];
      const shown = showControls(text.slice(0, LONGEST_LINE));
      const isTrouble = level === 'warn' || level === 'error';
      // However much a plugin prints beside, none of its warnings is missed.
      if (!(isTrouble ? troubles : lines).take()) return;
      // Whoever gets the warnings logs them.
      if (isTrouble) warnings.push(shown);
      else log[level](shown);
    },
    end: () => {
      if (troubles.rest() > 0) warnings.push(`... and ${troubles.rest()} more warnings and errors.`);
      if (lines.rest() > 0) log.info(`... and ${lines.rest()} more lines.`);
    },
  };
}

function createLimit(most: number) {
  let count = 0;
  return {
    /** False from the one on that is too many. */
    take: (): boolean => {
      count += 1;
      return count <= most;
    },
    rest: (): number => Math.max(0, count - most),
  };
}
