// SPDX-License-Identifier: AGPL-3.0-or-later
import { parseDuration } from './duration.ts';
import { describeError } from './errors.ts';

/**
 * Tells systemd that the program is alive. A watchdog (`WatchdogSec=`) does nothing for units of `Type=oneshot`. So these
 * have a short time limit, and the program extends it again and again (EXTEND_TIMEOUT_USEC, sd_notify(3)): an honest run
 * takes as long as it needs, and one that hangs is ended within minutes.
 */
export interface Heartbeat {
  /** What `systemctl status` shows from now on: one line. */
  readonly tell: (status: string) => void;
  /** No more beats. */
  readonly stop: () => void;
}

/** What the unit says. */
export interface HeartbeatTimes {
  /** Of a socket that is connected with systemd, see `systemd/alive`. */
  readonly descriptor: number;
  /** Each beat moves the time limit so far away. Milliseconds. */
  readonly extendMs: number;
  /** No more beats after that: systemd ends the run then, and it puts back what it has stopped. Milliseconds. */
  readonly limitMs: number;
}

export interface HeartbeatSettings extends HeartbeatTimes {
  /** Writes to a descriptor, at once. @throws what the system says */
  readonly write: (descriptor: number, text: string) => unknown;
  /** Milliseconds since the program was asked to end, undefined as long as it was not. */
  readonly endingMs: () => number | undefined;
  /** Called once, when beats do not arrive or the limit is reached. */
  readonly warn: (message: string) => void;
}

/** Putting back what was stopped may take so long after SIGTERM. Milliseconds. */
const ENDING_LIMIT_MS = 15 * 60_000;
/** Lines of the log come in bursts; the last one counts. Milliseconds. */
const STATUS_DELAY_MS = 1_000;
/**
 * A message of 4096 bytes or more is thrown away by systemd as a whole (NOTIFY_BUFFER_MAX), the beat in it too, and a line
 * of the log may be longer: its beginning is enough. Characters, of three bytes at most.
 */
const LONGEST_STATUS = 500;
/** Where the unit does not say otherwise. */
const DEFAULTS = { NOTIFY_EXTEND: '5m', NOTIFY_LIMIT: '1d' };

/**
 * What the unit says: `$NOTIFY_FD` of `systemd/alive`, and `$NOTIFY_EXTEND` and `$NOTIFY_LIMIT`, times such as `5m`.
 * Undefined outside of such a unit.
 * @param warn is told of what is no time; the default counts then: a slip in a drop-in is no reason to save nothing
 */
export function heartbeatTimes(
  env: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): HeartbeatTimes | undefined {
  const { NOTIFY_FD: descriptor = '' } = env;
  if (!/^\d+$/.test(descriptor)) return undefined;
  const timeOf = (name: keyof typeof DEFAULTS): number => {
    const usual = DEFAULTS[name];
    try {
      const milliseconds = parseDuration(env[name] ?? usual);
      if (milliseconds > 0) return milliseconds;
      warn(`${name} in the unit must be more than nothing: ${usual} counts instead.`);
    } catch (error) {
      warn(`${name} in the unit is wrong, ${usual} counts instead: ${describeError(error)}`);
    }
    return parseDuration(usual);
  };
  return { descriptor: Number(descriptor), extendMs: timeOf('NOTIFY_EXTEND'), limitMs: timeOf('NOTIFY_LIMIT') };
}

/** Beats at once, and then ten times as often as is needed. */
export function startHeartbeat(settings: HeartbeatSettings): Heartbeat {
  const { extendMs, warn } = settings;
  const started = performance.now();
  let status: string | undefined;
  let hasComplained = false;
  const beat = (): void => {
    const complaint = notify(settings, status, performance.now() - started);
    if (complaint === undefined || hasComplained) return;
    hasComplained = true;
    warn(complaint);
  };
  const timer = setInterval(beat, extendMs / 10).unref();
  let soon: NodeJS.Timeout | undefined;
  beat();
  return {
    tell(text) {
      status = text.length > LONGEST_STATUS ? `${text.slice(0, LONGEST_STATUS - 3)}...` : text;
      soon ??= setTimeout(() => {
        soon = undefined;
        beat();
      }, STATUS_DELAY_MS).unref();
    },
    stop() {
      clearInterval(timer);
      clearTimeout(soon);
    },
  };
}

/** @returns what the admin has to know */
function notify(settings: HeartbeatSettings, status: string | undefined, ageMs: number): string | undefined {
  const { descriptor, write, extendMs, limitMs } = settings;
  const ending = settings.endingMs();
  const isOver = ending === undefined ? ageMs > limitMs : ending > ENDING_LIMIT_MS;
  const words = [
    ...(isOver ? [] : [`EXTEND_TIMEOUT_USEC=${Math.round(extendMs * 1_000)}`]),
    ...(status === undefined ? [] : [`STATUS=${status}`]),
  ];
  try {
    if (words.length > 0) write(descriptor, words.join('\n'));
  } catch (error) {
    // systemd has not read the beats before: the next one is early enough.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    return `systemd cannot be told that this run is alive, and may end it: ${String(error)}`;
  }
  return isOver
    ? 'This run has lasted too long (NOTIFY_LIMIT of its unit): systemd ends it within minutes.'
    : undefined;
}
