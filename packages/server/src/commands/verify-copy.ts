// SPDX-License-Identifier: AGPL-3.0-or-later
import { text } from 'node:stream/consumers';
import { plugins } from '@local-backup/client/plugins';
import { toolsOf } from '@local-backup/common/config/tools';
import { BackupError } from '@local-backup/common/errors';
import { createRun } from '@local-backup/common/exec';
import { createLog } from '@local-backup/common/log';
import { COPY, SCRATCH_INSIDE } from '../drill/services/cage.ts';
import { jobSchema } from '../drill/services/verdict.ts';
import { verifyInside } from '../drill/services/verify-inside.ts';

/**
 * What a drill starts in its cage: looks at the service that standard input names, and tells the verdict as JSON. Reads no
 * configuration: there is none in there.
 * @throws BackupError `usage` outside of a cage
 */
export async function verifyCopy(): Promise<void> {
  // There it is the first process of its namespace; here it would load what is not trusted into the open.
  if (process.pid !== 1) throw new BackupError('usage', 'Only drills start this: backup-server drill --level services');
  const job = jobSchema.parse(JSON.parse(await text(process.stdin)));
  const scrub = (line: string) => line;
  const log = createLog({ level: 0, format: 'terminal', scrub, stdout: process.stderr, stderr: process.stderr });
  const verdict = await verifyInside(COPY, job, {
    plugins,
    exec: createRun({ scrub }),
    tools: toolsOf(),
    log,
    signal: new AbortController().signal,
    scratchDirectory: SCRATCH_INSIDE,
  });
  process.stdout.write(`${JSON.stringify(verdict)}\n`);
}
