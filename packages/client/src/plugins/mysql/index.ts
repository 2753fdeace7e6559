// SPDX-License-Identifier: AGPL-3.0-or-later
import { MYSQL } from '../mariadb/flavour.ts';
import { databasePlugin } from '../mariadb/plugin.ts';

/** Saves databases of a MySQL server, or of a MariaDB one with the programs' old names. */
export const mysql = databasePlugin(MYSQL);
