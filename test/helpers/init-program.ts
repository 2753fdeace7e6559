// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { bundle } from './bundle.ts';
import { createInitLab, type InitLab } from './init-lab.ts';

/** `backup-client init` as it is, but for where it looks: `LAB [OPTIONS AS JSON]`. To be bundled. */
const INIT_PROGRAM = `
  import { initCommand } from './packages/client/src/commands/init.ts';
  import { reportError } from './packages/common/src/command-line.ts';
  import { placesIn } from './test/helpers/init-places.ts';
  const [lab, options] = process.argv.slice(2);
  const print = (text) => void process.stdout.write(text);
  try {
    await initCommand({ config: lab + '/backup/client_config.yml' }, JSON.parse(options), print, placesIn(lab));
  } catch (error) {
    process.exitCode = await reportError(error, { json: false });
  }
`;

/** The program, bundled once for the tests of a file, and for each a host with files and no servers. */
export function useInitProgram(): { readonly program: () => string; readonly lab: () => InitLab } {
  let lab: InitLab;
  let built: string;
  const program = () => join(built, 'init.mjs');
  beforeAll(async () => {
    built = mkdtempSync(join(tmpdir(), 'init-program-'));
    await bundle(INIT_PROGRAM, program());
  });
  afterAll(() => rmSync(built, { recursive: true }));
  beforeEach(() => {
    lab = createInitLab();
    lab.program('docker', 'exit 1');
    lab.program('pg_lsclusters', 'exit 0');
    lab.file('/etc/hosts');
    lab.file('/home/me/x');
  });
  afterEach(() => lab.remove());
  return { program, lab: () => lab };
}
