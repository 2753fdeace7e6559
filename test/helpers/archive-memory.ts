// SPDX-License-Identifier: AGPL-3.0-or-later
// A process of its own, so that its peak memory is that of the archive alone: ARCHIVE COUNT.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStream } from '@local-backup/common/exec';
import { createArchiveWriter } from '../../packages/client/src/archive.ts';
import { verifyArchive } from '../../packages/client/src/verify.ts';
import { manifestOf, pathsOf } from './archive-lab.ts';

const [archive = '', count = ''] = process.argv.slice(2);
const entryList = `${archive}.entries.gz`;
const writer = await createArchiveWriter({
  file: archive,
  entryListFile: entryList,
  gzipLevel: 1,
  concurrency: 2,
  tarCommand: ['node', join(dirname(fileURLToPath(import.meta.url)), 'tar-of-many-files.mjs'), count],
  stream: createStream({ scrub: (text) => text }),
  signal: new AbortController().signal,
});
const tree = { prefix: 'web/shop', root: '/', paths: pathsOf('.'), exclude: [], oneFileSystem: false, parents: false };
await writer.addTree(tree);
const finished = await writer.finish();
await verifyArchive({ archive, entryList, manifest: manifestOf(finished) });
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(JSON.stringify({ entries: finished.totals.entries, peakBytes }));
