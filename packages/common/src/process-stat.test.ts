// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { processGroupLives, readProcessStat } from './process-stat.ts';

describe('readProcessStat', () => {
  it('knows this process, always with the same start', () => {
    expect(readProcessStat(process.pid)).toMatchObject({ state: expect.stringMatching(/[RS]/) });
    expect(readProcessStat(process.pid)?.startTime).toBe(readProcessStat(process.pid)?.startTime);
    expect(readProcessStat(0)).toBeUndefined();
  });

  it('reads past a program name that looks like fields, and follows a group to its end', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'stat-'));
    const program = join(directory, 'a) Z 1 (b');
    await copyFile('/bin/sleep', program);
    const child = spawn(program, ['60'], { detached: true });
    const pid = child.pid ?? 0;
    await vi.waitFor(() => expect(readProcessStat(pid)).toMatchObject({ state: 'S', processGroup: pid }));
    expect(processGroupLives(pid)).toBe(true);
    child.kill('SIGKILL');
    await vi.waitFor(() => expect(processGroupLives(pid)).toBe(false));
    await rm(directory, { recursive: true });
  });
});
