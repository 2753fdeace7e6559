// SPDX-License-Identifier: AGPL-3.0-or-later
import { fstatSync } from 'node:fs';
import { type Logger, pino } from 'pino';
import { serializeError } from './log-error.ts';
import {
  formatJournal,
  formatStatus,
  formatTerminal,
  type LogEvent,
  type LogFormat,
  type LogLevel,
} from './log-format.ts';

/** The only fields that a log line may carry; there is none for passwords, environments or whole objects. */
export interface LogFields {
  readonly host?: string;
  readonly service?: string;
  readonly task?: string;
  readonly plugin?: string;
  readonly step?: string;
  readonly archive?: string;
  readonly snapshot?: string;
  /** Already made printable with displayPath. */
  readonly path?: string;
  readonly program?: string;
  readonly exitCode?: number;
  readonly bytes?: number;
  readonly files?: number;
  readonly seconds?: number;
  readonly count?: number;
  /** Only its class, code, message and stack are written, never its other properties. */
  readonly error?: unknown;
}

/** For debugging and the journal; what a run has done is told by its record, not by parsing these lines. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log whose lines carry these fields too. */
  child(fields: LogFields): Log;
}

/** How much is shown (C05): 0 errors, 1 warnings too, 2 information too, 3 everything. */
export type Verbosity = 0 | 1 | 2 | 3;

/** Where lines go to: process.stdout, process.stderr, or a collector in tests. */
export interface LogStream {
  write(text: string): unknown;
  on?(event: 'error', listener: (error: Error) => void): unknown;
}

export interface LogSettings {
  readonly level: Verbosity;
  readonly format: LogFormat;
  /** Only `terminal` lines are coloured. Default false. */
  readonly colour?: boolean;
  /** Removes secrets; applied last, to the finished line. */
  readonly scrub: (text: string) => string;
  /** Gets information and debugging. */
  readonly stdout: LogStream;
  /** Gets errors and warnings. */
  readonly stderr: LogStream;
  /** Gets every line whatever the level is, but debugging only at level 3. */
  readonly runLog?: { write(text: string): unknown };
  /** Gets what information, warnings and errors say, as one line without a date, whatever the level is. */
  readonly tell?: (line: string) => void;
  readonly now?: () => Date;
}

const VERBOSITY: Record<LogLevel, Verbosity> = { error: 0, warn: 1, info: 2, debug: 3 };

/** Keeps out what the types do not: an object may have more properties than its type tells. */
const FIELD_NAMES: readonly (keyof LogFields)[] = [
  'host',
  'service',
  'task',
  'plugin',
  'step',
  'archive',
  'snapshot',
  'path',
  'program',
  'exitCode',
  'bytes',
  'files',
  'seconds',
  'count',
  'error',
];

/** The log of a program. Errors and warnings go to standard error, the rest to standard output (C06). */
export function createLog(settings: LogSettings): Log {
  const { now = () => new Date() } = settings;
  for (const stream of [settings.stdout, settings.stderr]) ignoreErrors(stream);
  const logger = pino(
    {
      level: settings.level === 3 ? 'debug' : 'info',
      base: null,
      timestamp: () => `,"time":"${now().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { error: (error) => serializeError(error) },
    },
    // pino's own transports run in worker threads, which a program of one bundled file cannot start.
    { write: (line: string) => deliver(line, settings) },
  );
  return logWith(logger, {});
}

const heard = new WeakSet<LogStream>();

/** A log that nobody reads any more (`| head`) is no reason to end a backup. Once for each stream: it may have many logs. */
function ignoreErrors(stream: LogStream): void {
  if (heard.has(stream)) return;
  heard.add(stream);
  stream.on?.('error', () => undefined);
}

/** True where standard error is connected to the systemd journal (systemd.exec(5), JOURNAL_STREAM). */
export function isJournal(env: Readonly<Record<string, string | undefined>>, descriptor: number): boolean {
  const stream = env.JOURNAL_STREAM;
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor);
  return stream === `${dev}:${ino}`;
}

function logWith(logger: Logger, fields: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (message: string, more: LogFields = {}) =>
      logger[level](knownFields({ ...fields, ...more }), message);
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (more) => logWith(logger, { ...fields, ...more }),
  };
}

function knownFields(fields: LogFields): object {
  return Object.fromEntries(
    FIELD_NAMES.filter((name) => fields[name] !== undefined).map((name) => [name, fields[name]]),
  );
}

function deliver(line: string, { level, format, colour, scrub, stdout, stderr, runLog, tell }: LogSettings): void {
  const event = JSON.parse(line) as LogEvent;
  if (VERBOSITY[event.level] <= level) {
    const stream = event.level === 'error' || event.level === 'warn' ? stderr : stdout;
    stream.write(scrub(format === 'json' ? line : formatFor(format, event, colour ?? false)));
  }
  runLog?.write(scrub(formatTerminal(event, false)));
  if (event.level !== 'debug') tell?.(scrub(formatStatus(event)));
}

function formatFor(format: 'terminal' | 'journal', event: LogEvent, colour: boolean): string {
  return format === 'journal' ? formatJournal(event) : formatTerminal(event, colour);
}
