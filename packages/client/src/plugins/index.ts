// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Plugin } from '../plugin.ts';
import { command } from './command/index.ts';
import { docker } from './docker/index.ts';
import { files } from './files/index.ts';
import { hooks } from './hooks/index.ts';
import { influxdb } from './influxdb/index.ts';
import { ldap } from './ldap/index.ts';
import { mariadb } from './mariadb/index.ts';
import { module } from './module/index.ts';
import { mongodb } from './mongodb/index.ts';
import { mysql } from './mysql/index.ts';
import { postgresql } from './postgresql/index.ts';
import { redis } from './redis/index.ts';
import { runParts } from './run-parts/index.ts';
import { sqlite } from './sqlite/index.ts';
import { stateDump } from './state-dump/index.ts';
import { system } from './system/index.ts';
import { systemd } from './systemd/index.ts';
import { univention } from './univention/index.ts';
import { valkey } from './valkey/index.ts';

/** Every plugin there is: a new one is a folder beside these and a line here. */
export const plugins: readonly Plugin[] = [
  command,
  docker,
  files,
  hooks,
  influxdb,
  ldap,
  mariadb,
  module,
  mongodb,
  mysql,
  postgresql,
  redis,
  runParts,
  sqlite,
  stateDump,
  system,
  systemd,
  univention,
  valkey,
];
