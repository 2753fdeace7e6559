// SPDX-License-Identifier: AGPL-3.0-or-later

/** `backup-client init` as it is, but for where it looks: `LAB [OPTIONS AS JSON]`. To be bundled. */
export const INIT_PROGRAM = `
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
