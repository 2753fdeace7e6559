// SPDX-License-Identifier: AGPL-3.0-or-later
import { dirname, join } from 'node:path';
import { systemHostname } from '@local-backup/common/config/system-hostname';
import type { LogStream } from '@local-backup/common/log';
import { createToolbox, requireRoot, type Toolbox } from '@local-backup/common/program';
import { abortOnSignals } from '@local-backup/common/signals';
import { loadServerConfig, type ServerConfig } from '../config/config.ts';

/** Options that all commands have. */
export interface GlobalOptions {
  /** Configuration file; common_config is looked for beside it, where the original keeps both. */
  readonly config: string;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

/** What every command works with. */
export interface Session extends Toolbox {
  /** Commands that only read look at this copy of each host, instead of its first repository. */
  readonly copy?: string;
  readonly config: ServerConfig;
  /** As given with `-c`. */
  readonly configFile: string;
  readonly json: boolean;
  readonly now: () => Date;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** Writes a line of the command's result to standard output. */
  readonly print: (line: string) => void;
}

/**
 * Reads the configuration and does `work` with it; resolves with the exit code that `work` gives.
 * @param onBrokenConfig called when the configuration cannot be read, before that is thrown
 * @throws BackupError `usage` without root, `config` with all complaints about the configuration, InterruptedError after
 *   a signal, whatever the work made of it
 */
export async function withSession(
  options: GlobalOptions,
  work: (session: Session) => Promise<number>,
  onBrokenConfig: (error: unknown) => Promise<void> = async () => undefined,
): Promise<number> {
  requireRoot('backup-server');
  const config = await readConfig(options).catch(async (error: unknown) => {
    await onBrokenConfig(error);
    throw error;
  });
  const json = options.json ?? false;
  const toolbox = toolboxFor({ config, json });
  for (const warning of config.warnings) toolbox.log.warn(warning);
  const signals = abortOnSignals((left) => toolbox.log.warn(`still putting things back; ${left} more to end at once`));
  const print = (line: string) => void process.stdout.write(`${line}\n`);
  try {
    const { signal } = signals;
    const code = await work({
      ...toolbox,
      config,
      configFile: options.config,
      json,
      now: () => new Date(),
      signal,
      print,
    });
    signal.throwIfAborted();
    return code;
  } finally {
    signals.dispose();
  }
}

/** The same session, whose log goes to a file as well. */
export function loggingTo(session: Session, runLog: LogStream): Session {
  return { ...session, ...toolboxFor(session, { runLog }) };
}

/** With `--json`, standard output is for the result alone. */
function toolboxFor(
  { config, json }: Pick<Session, 'config' | 'json'>,
  targets: { readonly runLog?: LogStream } = {},
): Toolbox {
  return createToolbox({ level: config.logLevel, json, ...(json ? { infoTo: process.stderr } : {}), ...targets });
}

async function readConfig({ config: file, verbose = false, json = false }: GlobalOptions): Promise<ServerConfig> {
  const { run } = createToolbox({ level: 'warn', json });
  const files = { file, commonFile: commonConfigBeside(file), environment: process.env };
  return loadServerConfig(files, { hostname: await systemHostname(run), verbose });
}

/** The original keeps both files in one directory. */
export function commonConfigBeside(file: string): string {
  return join(dirname(file), 'common_config');
}
