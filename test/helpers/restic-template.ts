// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { forgeRepository, type ResticForge } from './restic-forge.ts';
import { createResticLab, type ResticLab } from './restic-lab.ts';
import type { ResticSeries } from './restic-versions.ts';

/** A repository with some history, to be copied for each test that damages one. */
export interface ResticTemplate {
  readonly lab: ResticLab;
  readonly forge: ResticForge;
  /** The copy becomes the repository of this host. Returns where it is: in `directory`, else where the lab has it. */
  readonly copyTo: (host: string, directory?: string) => string;
}

/** The host of the history. Its three snapshots hold a file of 3 MB each, and a small one. */
export const TEMPLATE_HOST = 'web1';

export async function createResticTemplate(series: ResticSeries): Promise<ResticTemplate> {
  const lab = await createResticLab(series);
  const forge = await forgeRepository(lab, TEMPLATE_HOST);
  const live = mkdtempSync(join(lab.directory, 'live-'));
  for (let round = 0; round < 3; round += 1) {
    writeFileSync(join(live, 'large'), randomBytes(3_000_000));
    writeFileSync(join(live, 'small'), randomBytes(1_000));
    lab.restic(TEMPLATE_HOST, 'backup', '--quiet', '--host', TEMPLATE_HOST, live);
  }
  return {
    lab,
    forge,
    copyTo: (host, directory = lab.repositoryOf(host)) => {
      cpSync(lab.repositoryOf(TEMPLATE_HOST), directory, { recursive: true });
      cpSync(lab.passwordOf(TEMPLATE_HOST), lab.passwordOf(host));
      const pin = lab.options(host).pinFile;
      mkdirSync(dirname(pin), { recursive: true });
      cpSync(lab.options(TEMPLATE_HOST).pinFile, pin);
      return directory;
    },
  };
}
