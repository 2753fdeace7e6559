// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from './byte-path.ts';
import type { SerializedError } from './log-error.ts';

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';

/** `terminal`: dated lines for people. `journal`: systemd adds the date and wants a priority. `json`: for machines. */
export type LogFormat = 'terminal' | 'journal' | 'json';

/** One line of the log as data. */
export interface LogEvent {
  readonly level: LogLevel;
  /** ISO, UTC. */
  readonly time: string;
  readonly msg: string;
  readonly error?: SerializedError;
  readonly [field: string]: unknown;
}

/** Priorities of syslog(3), which systemd-journald takes from a `<n>` before a line (sd-daemon(3)). */
const PRIORITY: Record<LogLevel, number> = { error: 3, warn: 4, info: 6, debug: 7 };

/** ANSI: red, yellow, none, dim. */
const COLOUR: Record<LogLevel, string> = { error: '\x1b[31m', warn: '\x1b[33m', info: '', debug: '\x1b[2m' };
const COLOUR_OFF = '\x1b[0m';

/** What decides about the format of the log. */
export interface LogSurroundings {
  /** `--json` was given. */
  readonly json: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
  /** Standard error goes to the journal, see `isJournal`. */
  readonly isJournal: boolean;
}

/** Format and colour for where the log goes to; colour is given up where NO_COLOR is set (no-color.org). */
export function chooseLogFormat({ json, env, isTTY, isJournal }: LogSurroundings): {
  readonly format: LogFormat;
  readonly colour: boolean;
} {
  if (json) return { format: 'json', colour: false };
  if (isJournal && !isTTY) return { format: 'journal', colour: false };
  return { format: 'terminal', colour: isTTY && !env.NO_COLOR && env.TERM !== 'dumb' };
}

/**
 * `YYYY-MM-DD HH:MM:SS - LEVEL: message host=web1: error`, in local time, with a newline at its end. Further lines of a
 * message are indented, so that nothing in a message can pass for a line of its own.
 */
export function formatTerminal(event: LogEvent, colour: boolean): string {
  const level = event.level.toUpperCase();
  const shown = colour && COLOUR[event.level] !== '' ? `${COLOUR[event.level]}${level}${COLOUR_OFF}` : level;
  return `${localTime(new Date(event.time))} - ${shown}: ${linesOf(event).join('\n    ')}\n`;
}

/** `<n>message host=web1: error`, the priority before each of its lines. */
export function formatJournal(event: LogEvent): string {
  const [first = '', ...more] = linesOf(event);
  const prefix = `<${PRIORITY[event.level]}>`;
  return [first, ...more.map((line) => `    ${line}`)].map((line) => `${prefix}${line}\n`).join('');
}

/** `message host=web1: error`: the first line alone, for what shows one line. */
export function formatStatus(event: LogEvent): string {
  return linesOf(event)[0] ?? '';
}

function linesOf({ level: _level, time: _time, msg, error, ...fields }: LogEvent): string[] {
  const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${fieldText(value)}`);
  const [first = '', ...more] = msg.trimEnd().split('\n');
  const [reason, ...details] = error === undefined ? [] : errorLines(error);
  const head = `${first}${pairs.join('')}${reason === undefined ? '' : `: ${reason}`}`;
  return [head, ...more, ...details].map(showControls);
}

function errorLines(error: SerializedError): string[] {
  const lines = (error.stack ?? error.message).split('\n');
  const { cause } = error;
  if (cause === undefined || error.message.includes(cause.message)) return lines;
  const [first, ...more] = errorLines(cause);
  return [...lines, `caused by: ${first}`, ...more];
}

function fieldText(value: unknown): string {
  const text = String(value);
  return /^[^\s"=]+$/.test(text) ? text : JSON.stringify(text);
}

function localTime(time: Date): string {
  const two = (number: number) => String(number).padStart(2, '0');
  const date = [time.getFullYear(), two(time.getMonth() + 1), two(time.getDate())].join('-');
  return `${date} ${[time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':')}`;
}
