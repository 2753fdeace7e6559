// SPDX-License-Identifier: AGPL-3.0-or-later
import { redisPlugin } from './plugin.ts';

/** Saves Redis. Its programs may be those of Valkey, which reads files of Redis up to 7.2. */
export const redis = redisPlugin({
  name: 'redis',
  title: 'Redis',
  client: ['redis-cli', 'valkey-cli'],
  server: ['redis-server', 'valkey-server'],
  checker: ['redis-check-rdb', 'valkey-check-rdb'],
  clientPackage: 'redis-tools',
  serverPackage: 'redis-server',
});
