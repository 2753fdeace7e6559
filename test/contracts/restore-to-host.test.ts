// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRun, createStream } from '../../packages/common/src/exec.ts';
import { restoreManifestSchema } from '../../packages/common/src/restore-tar.ts';
import { type SentService, sendService } from '../../packages/server/src/restore/to-host.ts';
import { withScratchCopy } from '../../packages/server/src/restore/to-host-place.ts';
import { createMemorySpool, type MemorySpool } from '../helpers/memory-remote.ts';

let root: string;
let spool: MemorySpool;

beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), 'to-host-'));
  spool = createMemorySpool();
  fs.mkdirSync(join(root, 'tree/web/shop'), { recursive: true });
  fs.writeFileSync(join(root, 'tree/web/shop/file'), 'one');
  fs.mkdirSync(join(root, 'tree/web/other'));
});

afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const scrub = (text: string) => text;
const TAR = 'restore/web1-20261121_030000-web+shop.tar';

function send(changed: Partial<SentService> = {}, tar: readonly string[] = ['tar'], remote = spool.connect()) {
  const sums = { seconds: 0, secondsStopped: 0, bytes: 3, files: 1 };
  const service = {
    ...{ name: 'shop', type: 'web', status: 'success' as const, messages: [], tasks: [] },
    ...{ started: '2026-11-21T03:00:00.000Z', ...sums },
  };
  const sent = { tree: join(root, 'tree'), hostname: 'web1', stamp: '20261121_030000', snapshot: 'abc', service };
  return sendService(
    { ...sent, ...changed },
    {
      ...{ remote, stream: createStream({ scrub }), tar, timeoutMs: 60_000 },
      ...{ upload: { minimumRate: 1 }, now: () => new Date(), signal: new AbortController().signal },
      onSent: () => undefined,
    },
  );
}

describe('a service that is sent to a host', () => {
  it('is one tar file with nothing else in it, and a manifest that is true of it', async () => {
    const manifest = await send();
    expect(spool.names()).toEqual(['restore', TAR, `${TAR}.json`]);
    const tar = spool.get(TAR) ?? Buffer.alloc(0);
    expect(manifest.sha256).toBe(createHash('sha256').update(tar).digest('hex'));
    expect(restoreManifestSchema.parse(JSON.parse(String(spool.get(`${TAR}.json`))))).toEqual(manifest);
    const names = execFileSync('tar', ['-t'], { input: tar, encoding: 'utf8' });
    expect(names.split('\n')).toEqual(['web/shop/', 'web/shop/file', '']);
  });

  it.each<[string, Partial<SentService>, readonly string[]]>([
    ['the service is not in the copy', { tree: '/nonexistent' }, ['tar']],
    ['tar cannot be started', {}, ['/nonexistent/tar']],
    ['tar fails at its end', {}, ['sh', '-c', 'head -c 200000 /dev/zero; exit 2']],
  ])('is not there when %s', async (_, changed, tar) => {
    await send();
    await expect(send(changed, tar)).rejects.toMatchObject({ code: 'failed' });
    // The file that was sent before is whole; without its manifest no client takes it.
    expect(spool.names()).not.toContain(`${TAR}.json`);
  });
});

it('a tar file whose manifest does not arrive is removed', async () => {
  const remote = spool.connect();
  const upload: typeof remote.upload = async (name, ...rest) => {
    if (name.endsWith('.json')) throw new Error('disk full');
    return remote.upload(name, ...rest);
  };
  await expect(send({}, ['tar'], { ...remote, upload })).rejects.toThrow('disk full');
  expect(spool.names()).not.toContain(TAR);
});

describe('the directory that it is restored into', () => {
  it('goes afterwards, and so do those of killed runs; not those of runs under way, nor anything else', async () => {
    const run = createRun({ scrub });
    const dead = spawnSync('true').pid;
    const names = [`.to-host-${dead}-abc`, `.to-host-${process.ppid}-abc`, 'web1', '.to-host-x-abc'];
    for (const name of names) fs.mkdirSync(join(root, 'temp', name, 'tree'), { recursive: true });
    const work = withScratchCopy(join(root, 'temp'), run, async (scratch) => {
      expect(fs.statSync(scratch).mode & 0o777).toBe(0o700);
      throw new Error('failed');
    });
    await expect(work).rejects.toThrow('failed');
    expect(fs.readdirSync(join(root, 'temp')).sort()).toEqual(names.slice(1).sort());
  });
});
