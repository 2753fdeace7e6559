// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { baseOf } from './fleet-base.ts';
import { removeDeadFleets } from './fleet-leftovers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The directory with the packages of this source, as `npm run build:deb` makes them. */
    debs: string;
  }
}

let debs: string;

/** Once for all files of the fleet: the packages, and the file systems that machines are booted from. */
export function setup(project: TestProject): void {
  removeDeadFleets();
  debs = mkdtempSync(join(tmpdir(), 'fleet-debs-'));
  const build = ['scripts/run-ts.mjs', 'scripts/deb/main.ts', '--outdir', debs];
  try {
    execFileSync(process.execPath, build, { stdio: ['ignore', 'ignore', 'inherit'] });
  } catch (error) {
    teardown(); // Nobody calls it after a setup that fails.
    throw error;
  }
  for (const release of ['bookworm', 'trixie'] as const) baseOf(release);
  project.provide('debs', debs);
}

export function teardown(): void {
  rmSync(debs, { recursive: true, force: true });
}
