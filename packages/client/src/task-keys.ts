// SPDX-License-Identifier: AGPL-3.0-or-later
import { readConfigFile } from '@local-backup/common/config/file';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { findServiceFiles } from './discover.ts';

/**
 * The task keys of all service.yaml files of this host, whether or not they can be used: a plugin of the shell version is
 * asked for each whether it handles it. What cannot be read is complained about by whoever reads it for good.
 */
export async function configuredTaskKeys(serviceDirectory: string): Promise<readonly string[]> {
  const { files } = await findServiceFiles(serviceDirectory).catch(() => ({ files: [] }));
  const keys = await Promise.all(files.map(keysOf));
  return [...new Set(keys.flat())].filter((key) => key !== 'service').sort();
}

async function keysOf(file: string): Promise<readonly string[]> {
  try {
    const { value } = readYaml(await readConfigFile(file), file);
    return typeof value === 'object' && value !== null ? Object.keys(value) : [];
  } catch {
    return [];
  }
}
