// SPDX-License-Identifier: AGPL-3.0-or-later
import { MARIADB } from './flavour.ts';
import { databasePlugin } from './plugin.ts';

/** Saves databases of a MariaDB server. */
export const mariadb = databasePlugin(MARIADB);
