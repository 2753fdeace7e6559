// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { bytePathOfText } from '@local-backup/common/byte-path';
import { BackupError } from '@local-backup/common/errors';
import { findProgram } from '@local-backup/common/find-program';
import { definePlugin, type Plugin } from '../../plugin.ts';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { FILES } from './differences.ts';
import { ESSENTIAL, PLACES, REPORTS, type Report } from './inventory.ts';
import { LISTS } from './lists.ts';
import { options, type SystemOptions } from './options.ts';
import { restoreBelow } from './restore.ts';
import { partitionReports, saveReport } from './save-report.ts';

/** Saves what a rebuild of the machine needs: packages, units, network, disks, accounts. */
export const system = systemBelow('/');

/**
 * The same for the files below another directory, which stands for the machine in tests.
 * @param root absolute
 */
export function systemBelow(root: string): Plugin {
  return definePlugin<SystemOptions>({
    name: 'system',
    summary: 'Saves what a rebuild of this machine needs: packages, units, network, disks, accounts, Proxmox.',
    options,
    describe: ({ include }) => `what a rebuild needs: ${include.join(', ')}`,

    async validate({ options: { include } }) {
      const present = await presentPlaces(root, include);
      if (present.length > 0 || (await askable(include)).length > 0) return undefined;
      throw new BackupError('config', 'Nothing of `include` is on this machine: correct it, or remove the task.');
    },

    async run(context) {
      const { include } = context.options;
      const directory = join(context.stage, LISTS);
      await mkdir(directory, { mode: 0o700 });
      const asked = await askable(include);
      const reports = [...asked, ...(include.includes('storage') ? await partitionReports(context) : [])];
      const unlisted = essentialOf(include).filter((name) => !asked.some(({ file }) => file === name));
      const warnings = unlisted.map(
        (name) => `The program that tells system/${name} is not on this machine: leave its part out of \`include\`.`,
      );
      for (const report of reports) {
        const problem = await saveReport(context, report, join(directory, report.file));
        if (problem !== undefined) warnings.push(problem);
      }
      const places = await presentPlaces(root, include);
      const tree = { into: FILES, root, exclude: [], oneFileSystem: false };
      const paths = places.map((place) => bytePathOfText(place.slice(1)));
      const facts = unlisted.length === 0 ? {} : { unlisted: unlisted.join(', ') };
      return { warnings, facts, trees: paths.length === 0 ? [] : [{ ...tree, paths }] };
    },

    verify: lookAt,
    restore: restoreBelow(root),
  });
}

/** The reports whose program is installed. */
async function askable(include: SystemOptions['include']): Promise<readonly Report[]> {
  const wanted = REPORTS.filter(({ part }) => include.includes(part));
  const found = await Promise.all(wanted.map(({ command: [program] }) => findProgram(program)));
  return wanted.filter((_, index) => found[index] !== undefined);
}

/** The places that are there, without those that are inside another one. */
async function presentPlaces(root: string, include: SystemOptions['include']): Promise<readonly string[]> {
  const wanted = [...new Set(include.flatMap((part) => PLACES[part]))].sort();
  const outermost = wanted.filter((place) => !wanted.some((other) => place.startsWith(`${other}/`)));
  const isThere = await Promise.all(
    outermost.map((place) =>
      lstat(join(root, place)).then(
        () => true,
        () => false,
      ),
    ),
  );
  return outermost.filter((_, index) => isThere[index]);
}

/** The lists that have to be there. */
function essentialOf(include: SystemOptions['include']): readonly string[] {
  return include.flatMap((part) => ESSENTIAL[part] ?? []);
}

/** The lists that every machine has, but for those that it could not make, are there and say something. */
async function lookAt({ copy, facts, options: { include } }: CopyContext<SystemOptions>): Promise<readonly Check[]> {
  const names = await readdir(join(copy, LISTS)).catch((): string[] => []);
  const unlisted = (facts.unlisted ?? '').split(', ');
  const essential = essentialOf(include).filter((name) => !unlisted.includes(name));
  const checks = await Promise.all(
    essential.map(async (name): Promise<Check> => {
      const found = names.includes(name) ? await lstat(join(copy, LISTS, name)) : undefined;
      const size = found?.isFile() ? found.size : 0;
      const path = `${LISTS}/${name}`;
      if (size > 0) return { name: path, status: 'ok', message: `${size} bytes` };
      return { name: path, status: 'failed', message: 'is not in the copy, or empty' };
    }),
  );
  const others: Check = {
    name: LISTS,
    status: names.length > 0 ? 'ok' : 'failed',
    message: `${names.length} lists`,
  };
  return [...checks, others];
}
