// SPDX-License-Identifier: AGPL-3.0-or-later
import { lstat } from 'node:fs/promises';
import { describeError } from '@local-backup/common/errors';
import type { Check, CopyContext } from '../../plugin-copy.ts';
import { namedFiles } from './env-files.ts';
import { parseModel, readComposeYaml } from './model.ts';
import type { DockerOptions } from './options.ts';
import { BINDS_DIRECTORY, CONFIG_DIRECTORY, PINNED_FILE, VOLUMES_DIRECTORY } from './places.ts';
import { locateCopied, readCopied, readSavedProject, type SavedProject } from './project.ts';

/** Looks whether what was saved of a project is there, can be read, and names what ran. Nothing of it is started. */
export async function verifyProject({ copy }: CopyContext<DockerOptions>): Promise<readonly Check[]> {
  let saved: SavedProject;
  try {
    saved = await readSavedProject(copy);
  } catch (error) {
    return [failed(CONFIG_DIRECTORY, describeError(error))];
  }
  const checks: Check[] = [];
  if (saved.files.length > 0) checks.push(...(await checkFiles(copy, saved)));
  if (saved.pinned) checks.push(await checkPinned(copy));
  for (const { name } of saved.volumes) checks.push(await checkTree(copy, `${VOLUMES_DIRECTORY}/${name}`, true));
  for (const path of saved.binds) checks.push(await checkTree(copy, `${BINDS_DIRECTORY}${path}`, false));
  if (checks.length === 0)
    checks.push({ name: CONFIG_DIRECTORY, status: 'ok', message: 'nothing but the record was saved' });
  return checks;
}

async function checkFiles(copy: string, saved: SavedProject): Promise<Check[]> {
  const checks: Check[] = [];
  const services = new Set<string>();
  let names = 0;
  for (const { path, saved: place } of saved.files) {
    const name = `${CONFIG_DIRECTORY}/${place}`;
    try {
      const text = await readCopied(copy, [CONFIG_DIRECTORY, place]);
      if (!saved.composeFiles.includes(path)) continue;
      for (const service of parseModel(text, name)?.services ?? []) services.add(service);
      names += namedFiles(readComposeYaml(text, name)).filter(({ kind }) => kind === 'compose').length;
      checks.push({ name, status: 'ok', message: 'is a compose file' });
    } catch (error) {
      checks.push(failed(name, describeError(error)));
    }
  }
  const lost = saved.services.filter((service) => !services.has(service));
  // Services of included files are not looked for: an include may be a whole project.
  if (lost.length > 0 && names === 0) checks.push(failed(CONFIG_DIRECTORY, `no compose file names ${lost.join(', ')}`));
  return checks;
}

async function checkPinned(copy: string): Promise<Check> {
  const name = `${CONFIG_DIRECTORY}/${PINNED_FILE}`;
  try {
    const text = await readCopied(copy, [CONFIG_DIRECTORY, PINNED_FILE]);
    readComposeYaml(text, name);
    const images = [...text.matchAll(/^ {4}image: "(.*)"$/gm)].map(([, image = '']) => image);
    const loose = images.filter((image) => !/(?:^|@)sha256:[0-9a-f]{64}$/.test(image));
    if (loose.length > 0) return failed(name, `${loose.join(', ')} is no digest`);
    return { name, status: 'ok', message: `${images.length} images by their digests` };
  } catch (error) {
    return failed(name, describeError(error));
  }
}

async function checkTree(copy: string, name: string, isDirectory: boolean): Promise<Check> {
  const path = await locateCopied(copy, [name]);
  const facts = path === undefined ? undefined : await lstat(path);
  if (facts === undefined) return failed(name, 'is not in the copy');
  if (isDirectory && !facts.isDirectory()) return failed(name, 'is no directory');
  return { name, status: 'ok', message: 'is there' };
}

function failed(name: string, message: string): Check {
  return { name, status: 'failed', message };
}
