// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { Check, RestoreContext } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import type { InfluxOptions } from './options.ts';
import { readSaved } from './record.ts';
import { type InfluxServer, serverOf } from './server.ts';

/**
 * The server answers, and has the databases that were put back, with measurements. Points are not compared: others write
 * by now, and those whose time has come are dropped at once.
 * @param names of databases that were put back
 */
export async function verifyServer(
  context: RestoreContext<InfluxOptions>,
  names: readonly string[],
): Promise<readonly Check[]> {
  const server = serverOf(context);
  const present = await untilAnswers(() => server.databases(), context.signal);
  const saved = await readSaved(context.copy);
  const checks: Check[] = [];
  for (const name of names) {
    const was = saved?.databases.find((one) => one.name === name || context.as === name)?.measurements ?? [];
    const verdict = present.includes(name)
      ? await untilAnswers(() => look(server, name, was), context.signal)
      : ({ status: 'failed', message: 'it is not there' } as const);
    checks.push({ name: `${server.noun}: ${showControls(name)}`, ...verdict });
  }
  return checks;
}

async function look(server: InfluxServer, name: string, was: readonly string[]): Promise<Omit<Check, 'name'>> {
  const now = was.length === 0 ? undefined : await server.measurements(name);
  if (now === undefined) return { status: 'ok', message: 'it is there' };
  const there = was.filter((measurement) => now.includes(measurement)).length;
  const message = `${there} of ${was.length} measurements are there`;
  if (there === was.length) return { status: 'ok', message };
  // A retention policy drops what is too old as soon as it is back.
  return { status: 'skipped', message: `${message}. Are the others older than their retention policy allows?` };
}
