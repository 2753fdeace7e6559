// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import * as z from 'zod';
import { formatTime, humanDuration } from '../report/text.ts';
import { readStateFile, writeStateFile } from '../state-file.ts';

/** What is remembered of the server's clock. Times are ISO. */
const clockSchema = z.strictObject({
  format: z.literal(1),
  /** The newest time at which a run began while the clock could be believed. */
  newest: z.iso.datetime(),
  /** The clock cannot be believed: what it showed when that was noticed first. */
  jump: z.strictObject({ kind: z.enum(['back', 'forward']), shown: z.iso.datetime() }).optional(),
});

export type ClockState = z.infer<typeof clockSchema>;

/** Clocks are adjusted by a little all the time. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * What is to be remembered after a look at the clock. Retention goes by the times of snapshots, so a clock that has
 * jumped could make restic forget all of them. A time that cannot be believed never becomes the one to compare with:
 * a jump is over when the clock is back where it can be believed, or when {@link acceptClock} says so.
 *
 * @param known undefined: nobody has looked before
 */
export function judgeClock(known: ClockState | undefined, now: Date, maxJumpMs: number): ClockState {
  const shown = now.toISOString();
  if (known === undefined) return { format: 1, newest: shown };
  const passed = now.getTime() - new Date(known.newest).getTime();
  const isSameJump = (kind: 'back' | 'forward') => known.jump?.kind === kind;
  if (passed < -TOLERANCE_MS) return isSameJump('back') ? known : { ...known, jump: { kind: 'back', shown } };
  if (passed > maxJumpMs) return isSameJump('forward') ? known : { ...known, jump: { kind: 'forward', shown } };
  return { format: 1, newest: passed > 0 ? shown : known.newest };
}

/** Why nothing may be forgotten by this clock; undefined where it can be believed. */
export function clockProblem({ newest, jump }: ClockState): string | undefined {
  if (jump === undefined) return undefined;
  const by = humanDuration(Math.abs(new Date(jump.shown).getTime() - new Date(newest).getTime()));
  const what = `The clock of this server went ${jump.kind} by ${by}: the newest time known was ${formatTime(newest)}, then it showed ${formatTime(jump.shown)}.`;
  const wait = jump.kind === 'back' ? ' It is over when the clock has passed the newest time known, too.' : '';
  return `${what} Look whether it is right (timedatectl); if it is, and snapshots with wrong times are no loss: backup-server release --clock.${wait}`;
}

/**
 * Looks at the clock and remembers, in the state directory, what was seen.
 * @param maxJumpMs the clock may have gone on by this much since the last look
 * @returns why nothing may be forgotten now; undefined where the clock can be believed
 * @throws BackupError `failed` where what is remembered cannot be read or written
 */
export async function watchClock(
  stateDirectory: string,
  now: Date,
  maxJumpMs: number,
  { dryRun }: { readonly dryRun: boolean } = { dryRun: false },
): Promise<string | undefined> {
  const state = judgeClock(await readClock(stateDirectory), now, maxJumpMs);
  if (!dryRun) await writeStateFile(fileOf(stateDirectory), state);
  return clockProblem(state);
}

/** Believes the clock from now on, whatever it showed before; mends a damaged file, too. */
export async function acceptClock(stateDirectory: string, now: Date): Promise<void> {
  await writeStateFile(fileOf(stateDirectory), { format: 1, newest: now.toISOString() } satisfies ClockState);
}

function readClock(stateDirectory: string): Promise<ClockState | undefined> {
  return readStateFile<ClockState | undefined>({
    file: fileOf(stateDirectory),
    schema: clockSchema,
    missing: undefined,
    damaged:
      "What is known of the server's clock cannot be read, so nothing is forgotten. Look whether the clock is right " +
      '(timedatectl), then: backup-server release --clock.',
  });
}

function fileOf(stateDirectory: string): string {
  return join(stateDirectory, 'clock.json');
}
