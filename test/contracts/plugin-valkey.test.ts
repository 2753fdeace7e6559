// SPDX-License-Identifier: AGPL-3.0-or-later
import { truncateSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { valkey } from '../../packages/client/src/plugins/valkey/index.ts';
import { RedisLab } from '../helpers/redis-lab.ts';
import { pluginContract } from './plugin.ts';

const lab = new RedisLab();

beforeAll(() => lab.start());
afterAll(() => lab.remove());

/** With the programs of Redis: both speak the same protocol, and everything else is tested with these. */
pluginContract(valkey, () => {
  lab.cli(['FLUSHALL']);
  lab.cli(['SET', 'a', '1']);
  return {
    options: { socket: lab.socket },
    stateOfHost: () => lab.state(),
    destroy: () => lab.cli(['SET', 'a', '2']),
    damage: (copy) => truncateSync(join(copy, 'valkey/dump.rdb'), 60),
  };
});
