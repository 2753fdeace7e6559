// SPDX-License-Identifier: AGPL-3.0-or-later
import { writeSync } from 'node:fs';
import { LOG_LEVELS, type LogLevel } from './config/log-level.ts';
import { BackupError } from './errors.ts';
import { createRun, createStream, type Run, type Stream } from './exec.ts';
import { type Heartbeat, heartbeatTimes, startHeartbeat } from './heartbeat.ts';
import { createLog, isJournal, type Log, type LogStream } from './log.ts';
import { chooseLogFormat } from './log-format.ts';
import { createScrubber, type Scrubber } from './redact.ts';
import { endingFor } from './signals.ts';

/** What every command of both programs needs to do its work. */
export interface Toolbox {
  readonly log: Log;
  readonly run: Run;
  readonly stream: Stream;
  readonly scrubber: Scrubber;
}

export interface ToolboxSettings {
  readonly level: LogLevel;
  /** `--json`: log lines as JSON. */
  readonly json: boolean;
  /** Gets every line of the run. */
  readonly runLog?: LogStream;
  /** Gets information and debugging where standard output is needed for the command's own result. */
  readonly infoTo?: LogStream;
}

/** The log and the ways to run other programs, all of which know the same secrets. */
export function createToolbox({ level, json, runLog, infoTo }: ToolboxSettings): Toolbox {
  const scrubber = createScrubber();
  const { scrub } = scrubber;
  const { stderr } = process;
  const stdout = infoTo ?? process.stdout;
  const { format, colour } = logFormatHere(json);
  const verbosity = LOG_LEVELS.indexOf(level) as 0 | 1 | 2 | 3;
  const tell = (line: string) => heartbeat?.tell(line);
  const log = createLog({
    level: verbosity,
    format,
    colour,
    scrub,
    stdout,
    stderr,
    tell,
    ...(runLog ? { runLog } : {}),
  });
  return { log, run: createRun({ scrub }), stream: createStream({ scrub }), scrubber };
}

/** The unit relies on signs of life, but its command was replaced, by a drop-in for example. */
const NOT_BY_ALIVE =
  'This run cannot tell systemd that it is alive and may be ended within minutes: in the unit, ExecStart= has to begin with /opt/backup/lib/alive (systemctl cat).';

/** Of this process: there is one systemd, and one unit that it is in. */
let heartbeat: Heartbeat | undefined;

/**
 * Lets systemd know that this program is alive, and what its log says last. It does not keep the program running.
 * Nothing happens outside of a unit that wants to know.
 */
export function keepAlive({ json }: { readonly json: boolean }): void {
  const { log } = createToolbox({ level: 'warn', json });
  const warn = (message: string) => log.warn(message);
  const { NOTIFY_EXTEND, NOTIFY_FD } = process.env;
  if (NOTIFY_EXTEND !== undefined && NOTIFY_FD === undefined) warn(NOT_BY_ALIVE);
  const times = heartbeatTimes(process.env, warn);
  if (times === undefined) return;
  heartbeat = startHeartbeat({
    ...times,
    write: writeSync,
    endingMs: endingFor,
    warn,
  });
}

/** Format of what this program writes to standard error. */
export function logFormatHere(json: boolean): ReturnType<typeof chooseLogFormat> {
  const { env, stderr } = process;
  return chooseLogFormat({ json, env, isTTY: stderr.isTTY === true, isJournal: isJournal(env, 2) });
}

/** @throws BackupError `usage` where the program does not run as root (C02) */
export function requireRoot(program: string): void {
  if (process.geteuid?.() === 0) return;
  throw new BackupError(
    'usage',
    `${program} must be run as root: it reads and writes files of all users. Try: sudo ${program}`,
  );
}
