// SPDX-License-Identifier: AGPL-3.0-or-later
import { showControls } from '@local-backup/common/byte-path';
import type { Check } from '../../plugin-copy.ts';
import { untilAnswers } from '../../plugin-tools/until-answers.ts';
import { allDatabases } from './databases.ts';
import type { Flavour } from './flavour.ts';
import { openServer, type ServerContext } from './server.ts';

/** The server answers, and has the databases that were put back. What is in them is the service's by now: it is told. */
export async function verifyLoaded(
  context: ServerContext,
  flavour: Flavour,
  names: readonly string[],
): Promise<readonly Check[]> {
  const [there, tables] = await untilAnswers(async () => {
    const server = await openServer(context, flavour);
    const counting = 'SELECT HEX(TABLE_SCHEMA), COUNT(*) FROM information_schema.TABLES GROUP BY TABLE_SCHEMA';
    const counts = await server.query(counting);
    const found = (await allDatabases(server)).map(({ name }) => keyOf(name));
    return [found, new Map(counts.map(([hex = '', count]) => [keyOf(Buffer.from(hex, 'hex').toString()), count]))];
  }, context.signal);
  return names.map((name): Check => {
    const check = { name: `database ${showControls(name)}` };
    if (!there.includes(keyOf(name))) return { ...check, status: 'failed', message: 'it is not there' };
    return { ...check, status: 'ok', message: `it answers, with ${tables.get(keyOf(name)) ?? 0} tables and views` };
  });
}

/** With `lower_case_table_names` the server has its own idea of case. */
function keyOf(name: string): string {
  return name.toLowerCase();
}
