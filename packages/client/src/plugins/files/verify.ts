// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Check, CopyContext } from '../../plugin-copy.ts';
import type { FilesOptions } from './options.ts';
import { type SavedPath, savedPaths } from './saved-paths.ts';

/**
 * Whether what was to be saved is there. Whether it is what was saved is proven by the entry list, file by file.
 */
export async function verifyFiles(context: CopyContext<FilesOptions>): Promise<readonly Check[]> {
  const paths = await savedPaths(context);
  const checks = paths.map(checkOf);
  if (paths.some(({ saved }) => saved !== undefined)) return checks;
  return [...checks, { name: 'data', status: 'failed', message: 'nothing at all is in the copy' }];
}

function checkOf({ path, saved, problem }: SavedPath): Check {
  if (problem !== undefined) return { name: path, status: 'failed', message: problem };
  if (saved === undefined) return { name: path, status: 'ok', message: 'did not exist when the others were saved' };
  return { name: path, status: 'ok', message: 'is there' };
}
