// SPDX-License-Identifier: AGPL-3.0-or-later
import { setTimeout as delay } from 'node:timers/promises';
import { BackupError } from '@local-backup/common/errors';
import type { Check } from '../../../plugin-copy.ts';
import type { Flavour } from '../flavour.ts';
import { openServer } from '../server.ts';
import { holdersOf } from './holders.ts';
import { readPhysicalRecord } from './record.ts';
import type { Context } from './target.ts';
import { serverUnit } from './unit.ts';

const ANSWER_TIMEOUT_MS = 120_000;
const POLL_MS = 500;

/** A server that was started may not have opened its files yet. */
const OPEN_WAIT_MS = 3_000;

/**
 * Waits for the server. A refused login is an answer: the accounts are those of the copy now.
 * @throws BackupError `failed` after two minutes
 */
export async function untilAnswers(context: Context, flavour: Flavour): Promise<void> {
  const end = Date.now() + ANSWER_TIMEOUT_MS;
  for (;;) {
    const error = await ask(context, flavour);
    if (error === undefined || isRefusal(error)) return;
    if (Date.now() > end) {
      throw new BackupError('failed', `The server does not answer after the restore. ${error.message}`, {
        cause: error,
      });
    }
    await delay(POLL_MS, undefined, { signal: context.signal });
  }
}

async function ask(context: Context, flavour: Flavour): Promise<BackupError | undefined> {
  try {
    await (await openServer(context, flavour)).query('SELECT 1');
    return undefined;
  } catch (error) {
    context.signal.throwIfAborted();
    if (error instanceof BackupError) return error;
    throw error;
  }
}

/** ER_ACCESS_DENIED_ERROR, ER_ACCESS_DENIED_NO_PASSWORD_ERROR. */
function isRefusal({ message }: BackupError): boolean {
  return /\b(?:1045|1698)\b/.test(message);
}

/** Whether a server runs with what was put back, and has the databases of the copy. */
export async function verifyRunning(datadir: string, context: Context, flavour: Flavour): Promise<readonly Check[]> {
  const name = 'server after the restore';
  const { tables } = await readPhysicalRecord(context.copy);
  // One that answers may be another one, which looks elsewhere, and has databases of these names all the same.
  if (!(await isOpened(datadir, context))) {
    const { name: unit, isKnown } = await serverUnit(context);
    const message = isKnown
      ? `the server of ${unit} does not use ${datadir}. Set \`datadir\` to where it looks, or \`unit\` to the unit that does`
      : `no server runs with ${datadir}, and there is no unit ${unit}: start it`;
    return [{ name, status: isKnown ? 'failed' : 'skipped', message }];
  }
  await untilAnswers(context, flavour);
  const error = await ask(context, flavour);
  if (error !== undefined) return [{ name, status: isRefusal(error) ? 'skipped' : 'failed', message: error.message }];
  const server = await openServer(context, flavour);
  const rows = await server.query('SELECT HEX(SCHEMA_NAME) FROM information_schema.SCHEMATA');
  const there = new Set(rows.map(([hex = '']) => Buffer.from(hex, 'hex').toString()));
  const wanted = new Set(tables.map(({ database }) => database));
  const missing = [...wanted].filter((database) => !there.has(database));
  if (missing.length > 0)
    return [{ name, status: 'failed', message: `has no database ${missing.slice(0, 5).join(', ')}` }];
  return [{ name, status: 'ok', message: `answers, and has ${wanted.size} databases of the copy` }];
}

async function isOpened(datadir: string, { signal }: Context): Promise<boolean> {
  for (const end = Date.now() + OPEN_WAIT_MS; ; await delay(POLL_MS, undefined, { signal })) {
    if ((await holdersOf(datadir)).length > 0) return true;
    if (Date.now() > end) return false;
  }
}
