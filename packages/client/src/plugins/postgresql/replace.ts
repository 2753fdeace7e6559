// SPDX-License-Identifier: AGPL-3.0-or-later

import * as z from 'zod';
import { maintenanceDatabase } from './catalogue.ts';
import { quoteName, quoteText } from './names.ts';
import { ask, execute, type Server } from './server.ts';

const replaced = z.strictObject({
  /** The database that is restored. */
  target: z.string(),
  /** Name that what was there before has got; undefined: there was none. */
  aside: z.string().optional(),
});

const memo = z.looseObject({ databases: z.array(replaced).default([]), roles: z.array(z.string()).default([]) });

/** What a restore has to be able to undo. */
export type RestoreMemo = z.infer<typeof memo>;

/** One database of a memo. */
export type Replaced = z.infer<typeof replaced>;

/** What was remembered; nothing where that is nothing of ours. */
export function readMemo(value: unknown): RestoreMemo {
  return memo.parse(value ?? {});
}

/** What a server says of a database that a restore would replace. */
export interface Present {
  readonly bytes: number;
  readonly template: boolean;
}

/** The database as it is now; undefined where there is none. */
export async function findDatabase(server: Server, through: string, name: string): Promise<Present | undefined> {
  const sql = `select json_build_object('bytes', pg_database_size(oid), 'template', datistemplate)
    from pg_database where datname = ${quoteText(name)}`;
  const [answer] = await ask(server, through, sql);
  return answer === undefined ? undefined : (JSON.parse(answer) as Present);
}

/** Renames a database and ends the connections that would keep it from that; nobody can connect in between. */
export async function renameDatabase(server: Server, from: string, to: string): Promise<void> {
  const through = await maintenanceDatabase(server, from);
  await closeDatabase(server, through, from);
  await execute(server, through, [
    `ALTER DATABASE ${quoteName(from)} RENAME TO ${quoteName(to)}`,
    `ALTER DATABASE ${quoteName(to)} ALLOW_CONNECTIONS true`,
  ]);
}

async function closeDatabase(server: Server, through: string, name: string): Promise<void> {
  await execute(server, through, [
    `ALTER DATABASE ${quoteName(name)} ALLOW_CONNECTIONS false`,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = ${quoteText(name)}`,
    // A backend that has been told to end takes a moment; until then the database is in use.
    waitStatement(name),
  ]);
}

/** At most 30 s. */
function waitStatement(name: string): string {
  const body = `BEGIN FOR i IN 1..300 LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = ${quoteText(name)});
    PERFORM pg_sleep(0.1); END LOOP; END`;
  return `DO ${quoteText(body)}`;
}

/** Puts one database back as it was before; harmless where that has been done. */
export async function putBack(server: Server, { target, aside }: Replaced): Promise<void> {
  const through = await maintenanceDatabase(server, target);
  const isAside = aside !== undefined && (await findDatabase(server, through, aside)) !== undefined;
  const present = await findDatabase(server, through, target);
  // Renamed it was not yet: what is there is the old one.
  if (aside !== undefined && !isAside) {
    if (present !== undefined)
      await execute(server, through, [`ALTER DATABASE ${quoteName(target)} ALLOW_CONNECTIONS true`]);
    return;
  }
  if (present !== undefined) await dropDatabase(server, through, target);
  if (aside !== undefined) await renameDatabase(server, aside, target);
}

async function dropDatabase(server: Server, through: string, name: string): Promise<void> {
  await execute(server, through, [`ALTER DATABASE ${quoteName(name)} IS_TEMPLATE false`]);
  await closeDatabase(server, through, name);
  await execute(server, through, [`DROP DATABASE ${quoteName(name)}`]);
}
