// SPDX-License-Identifier: AGPL-3.0-or-later
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { readConfigFile } from '@local-backup/common/config/file';
import { readYaml } from '@local-backup/common/config/yaml-source';
import { BackupError } from '@local-backup/common/errors';
import { findServiceFiles } from '../discover.ts';
import { serviceTypeOf } from '../service.ts';
import type { ExistingService } from './select.ts';
import { subjectsOf } from './subjects.ts';

/**
 * The services that the host has, read as far as they can be: what is wrong with them is the work of `check`.
 * @returns what could not be read as `unread`: what these save may be proposed again
 * @throws BackupError `config` where the directory is there and cannot be read
 */
export async function readExisting(
  directory: string,
): Promise<{ readonly services: readonly ExistingService[]; readonly unread: readonly string[] }> {
  const isThere = await stat(directory).catch(() => undefined);
  if (isThere === undefined) return { services: [], unread: [] };
  const { files } = await findServiceFiles(directory);
  const unread: string[] = [];
  const services = await Promise.all(
    files.map(async (file): Promise<ExistingService> => {
      const blocks = await blocksOf(file).catch((error: unknown) => {
        if (!(error instanceof BackupError)) throw error;
        unread.push(`${file} cannot be read, so what it saves may be proposed again: ${error.message}`);
        return {};
      });
      const tasks = Object.entries(blocks).filter(([key]) => key !== 'service');
      return {
        service: `${serviceTypeOf(file)}/${nameIn(blocks) ?? basename(dirname(file))}`,
        directory: `${serviceTypeOf(file)}/${basename(dirname(file))}`,
        file,
        subjects: tasks.flatMap(([key, options]) => subjectsOf(key, options)),
        isPartial: tasks.some(([, options]) => namesSome(options)),
      };
    }),
  );
  return { services, unread };
}

async function blocksOf(file: string): Promise<Readonly<Record<string, unknown>>> {
  const { value } = readYaml(await readConfigFile(file), file);
  return isMap(value) ? value : {};
}

function nameIn({ service }: Readonly<Record<string, unknown>>): string | undefined {
  const name = isMap(service) ? service.name : undefined;
  return typeof name === 'string' ? name : undefined;
}

/** A database task that lists databases. */
function namesSome(options: unknown): boolean {
  if (!isMap(options)) return false;
  const { database = 'all', databases, bucket } = options;
  return database !== 'all' || databases !== undefined || bucket !== undefined;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
