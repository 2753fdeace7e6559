// SPDX-License-Identifier: AGPL-3.0-or-later
import { createMemorySpool } from '../helpers/memory-remote.ts';
import { remoteContract } from './remote.ts';

remoteContract('memory', async () => {
  const spool = createMemorySpool();
  return { ...spool, remote: spool.connect(), end: async () => undefined };
});
