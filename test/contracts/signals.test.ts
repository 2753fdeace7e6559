// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle } from '../helpers/bundle.ts';

/** Says what it has heard, and never ends by itself. */
const STUBBORN = `
import { abortOnSignals } from './packages/common/src/signals.ts';
const watch = abortOnSignals((remaining) => console.log('remaining ' + remaining));
watch.signal.addEventListener('abort', () => console.log(watch.received()));
setInterval(() => undefined, 1_000);
console.log('ready');
`;

let program: string;

beforeAll(async () => {
  program = join(await mkdtemp(join(tmpdir(), 'signals-')), 'stubborn.mjs');
  await bundle(STUBBORN, program);
});

afterAll(async () => {
  await rm(join(program, '..'), { recursive: true });
});

it.each(['SIGINT', 'SIGTERM'] as const)(
  'the fourth %s ends a process that does not end by itself, as the signal would have',
  async (signal) => {
    const child = spawn(process.execPath, [program], { stdio: ['ignore', 'pipe', 'inherit'] });
    const ended = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      child.kill(signal);
    }
    expect(lines).toEqual(['ready', signal, 'remaining 2', 'remaining 1']);
    expect(await ended).toEqual([null, signal]);
  },
);
