// SPDX-License-Identifier: AGPL-3.0-or-later
import { redisPlugin } from '../redis/plugin.ts';

/** Saves Valkey. The programs of Redis serve as well, where they are not older than the server. */
export const valkey = redisPlugin({
  name: 'valkey',
  title: 'Valkey',
  client: ['valkey-cli', 'redis-cli'],
  server: ['valkey-server', 'redis-server'],
  checker: ['valkey-check-rdb', 'redis-check-rdb'],
  clientPackage: 'valkey-tools',
  serverPackage: 'valkey-server',
});
