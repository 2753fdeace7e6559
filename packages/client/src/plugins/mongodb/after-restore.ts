// SPDX-License-Identifier: AGPL-3.0-or-later
import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { readArchive } from './archive.ts';
import { dumpStructure } from './mongo-tools.ts';
import type { MongodbOptions } from './options.ts';
import { readSaved } from './record.ts';

type Context = RestoreContext<MongodbOptions>;

/** Each is asked for by a program of its own. */
const MOST_ASKED = 20;

/** Collections that a server keeps for itself. */
const OWN = /^(?:admin|config|local)\.|^[^.]*\.system\./;

/**
 * The server answers, and has the collections that were put back. The tools that are at hand can only dump: of each
 * collection what it is, without a document. How many documents there are is the service's by now.
 */
export async function verifyServer(context: Context): Promise<readonly Check[]> {
  const names = (await readSaved(context.copy)).flatMap(({ collections }) => collections.map(([name]) => name));
  const asked = names.filter((name) => !OWN.test(name)).slice(0, MOST_ASKED);
  const missing: string[] = [];
  for (const name of asked) if (!(await untilAnswers(() => isThere(name, context), context.signal))) missing.push(name);
  const there = `${asked.length - missing.length} of ${asked.length} collections that were asked for are there`;
  if (asked.length === 0) return [{ name: 'MongoDB', status: 'skipped', message: 'no collection was put back' }];
  if (missing.length === 0) return [{ name: 'MongoDB', status: 'ok', message: `it answers, ${there}` }];
  const message = `${there}; missing: ${missing.map(showControls).join(', ')}`;
  if (missing.length === asked.length) return [{ name: 'MongoDB', status: 'failed', message }];
  return [{ name: 'MongoDB', status: 'skipped', message: `${message}. Has the service removed them?` }];
}

async function isThere(name: string, context: Context): Promise<boolean> {
  const dot = name.indexOf('.');
  const file = join(context.scratch, 'structure.archive');
  try {
    await dumpStructure(file, { database: name.slice(0, dot), collection: name.slice(dot + 1) }, context);
    return (await stat(file)).size > 0 && (await readArchive(file)).has(name);
  } finally {
    await rm(file, { force: true });
  }
}
