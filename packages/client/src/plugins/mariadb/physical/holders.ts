// SPDX-License-Identifier: AGPL-3.0-or-later
import { join } from 'node:path';
import { whoHasOpen } from '../../../plugin-tools/open-files.ts';

/** Files that every server holds open, and locked, while it runs. */
const HELD = ['ibdata1', 'aria_log_control'];

/** Programs that use a data directory: `mariadbd (process 123)`, each once. */
export function holdersOf(datadir: string): Promise<readonly string[]> {
  return whoHasOpen(HELD.map((name) => join(datadir, name)));
}
