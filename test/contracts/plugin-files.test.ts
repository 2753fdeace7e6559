// SPDX-License-Identifier: AGPL-3.0-or-later
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { files } from '../../packages/client/src/plugins/files/index.ts';
import { readTree } from '../helpers/file-tree.ts';
import { pluginContract } from './plugin.ts';

pluginContract(files, (directory) => {
  const file = join(directory, 'file');
  writeFileSync(file, 'content');
  return {
    options: { paths: [directory] },
    stateOfHost: () => readTree(directory),
    destroy: () => writeFileSync(file, 'lost'),
    damage: (copy) => rmSync(join(copy, 'data', directory), { recursive: true }),
  };
});
