// SPDX-License-Identifier: AGPL-3.0-or-later
import { createRun } from '@local-backup/common/exec';
import { createScrubber } from '@local-backup/common/redact';
import { expect, it } from 'vitest';
import { runOf } from './repositories.ts';

it('secrets are taken out of what restic says, before it can become a message or a record', async () => {
  const scrubber = createScrubber();
  scrubber.add('canary');
  const config = { restic: { command: ['sh', '-c'] } };
  const run = runOf({ config, run: createRun({ scrub: (text) => text }), scrubber });
  const script = 'echo Failed to open :sftp,pass=canary:x or http://me:other@nas/x >&2; exit 1';
  const { stderr } = await run('sh', [script], { timeoutMs: 60_000, accept: [1] });
  expect(stderr).toBe('Failed to open :sftp,pass=***:x or http://me:***@nas/x\n');
});
