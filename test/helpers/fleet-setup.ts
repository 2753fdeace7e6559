// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { baseOf } from './fleet-base.ts';
import { removeDeadFleets, watchOver } from './fleet-leftovers.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The directory with the packages of this source, as `npm run build:deb` makes them. */
    debs: string;
  }
}

let remove: () => Promise<void>;

/** Once for all files of the fleet: the packages, and the file systems that machines are booted from. */
export async function setup(project: TestProject): Promise<void> {
  removeDeadFleets();
  // By its name, what is left of it is found as fleets are.
  const debs = mkdtempSync(join(tmpdir(), `fleet-${process.pid}-0-`));
  remove = watchOver(debs);
  try {
    buildPackages(debs);
    for (const release of ['bookworm', 'trixie'] as const) baseOf(release);
  } catch (error) {
    await remove(); // Nobody calls teardown after a setup that fails.
    throw error;
  }
  project.provide('debs', debs);
}

/** @throws Error with what was printed, of which nobody wants to read anything where all is well */
function buildPackages(into: string): void {
  const build = ['scripts/run-ts.mjs', 'scripts/deb/main.ts', '--outdir', into];
  const { status, stdout, stderr, error } = spawnSync(process.execPath, build, { encoding: 'utf8', maxBuffer: 1e8 });
  if (status === 0) return;
  const printed = `${stdout}${stderr}`.trim().split('\n').slice(-60).join('\n');
  throw new Error(`The packages could not be built (npm run build:deb): ${error?.message ?? printed}`);
}

export async function teardown(): Promise<void> {
  await remove();
}
