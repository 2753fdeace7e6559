// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRun } from '../../packages/common/src/exec.ts';
import { createResticRepair } from '../../packages/server/src/stores/restic/repair.ts';
import { createResticTemplate, type ResticTemplate, TEMPLATE_HOST } from '../helpers/restic-template.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { silentLog } from '../helpers/silent-log.ts';

const never = new AbortController().signal;

function largestIn(directory: string): string {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => join(directory, name));
  const size = (path: string) => statSync(path).size;
  return files.filter((path) => statSync(path).isFile()).sort((a, b) => size(b) - size(a))[0] ?? '';
}

describe.each(RESTIC_SERIES)('repair with restic %s', (series) => {
  let template: ResticTemplate;
  beforeAll(async () => {
    template = await createResticTemplate(series);
  });
  afterAll(() => template.lab.remove());

  let copies = 0;
  const newCopy = () => {
    copies += 1;
    const name = `copy${copies}`;
    const repository = template.copyTo(name);
    const timeouts = { queryMs: 60_000, upkeepMs: 100_000 };
    const options = { ...template.lab.options(name), host: TEMPLATE_HOST, timeouts };
    const repair = createResticRepair(options, { run: createRun({ scrub: (text) => text }), log: silentLog });
    const upkeep = template.lab.upkeep(name, { host: TEMPLATE_HOST });
    const check = async () => (await upkeep.check({ kind: 'none' }, [], never)).problems;
    const snapshots = async () => (await upkeep.judge(['--keep-last', '1'], never)).map(({ id }) => id);
    return { name, repository, options, repair, check, snapshots };
  };

  it('an index that was cut off is written anew: everything is there again', async () => {
    const { repository, repair, check } = newCopy();
    const index = largestIn(join(repository, 'index'));
    chmodSync(index, 0o600);
    truncateSync(index, 50);
    expect(await check()).not.toEqual([]);
    await repair.index(false, never);
    expect(await check()).toEqual([]);
  });

  it('a pack that is missing is no longer in the index; a snapshot that needs it is written anew without it', async () => {
    const { repository, repair, check, snapshots } = newCopy();
    rmSync(largestIn(join(repository, 'data')));
    await repair.index(false, never);
    expect((await check()).join('\n')).not.toMatch(/pack .*does not exist/i);
    const before = await snapshots();
    if (series === '0.14') {
      await expect(repair.snapshots({ dryRun: true, forget: false }, never)).rejects.toThrow(
        /0\.16 or newer is needed/,
      );
      expect(await snapshots()).toEqual(before);
      return;
    }
    const would = await repair.snapshots({ dryRun: true, forget: true }, never);
    expect(would.join('\n')).toMatch(/would/);
    expect(await snapshots()).toEqual(before);
    await repair.snapshots({ dryRun: false, forget: true }, never);
    expect(await check()).toEqual([]);
    expect(await snapshots()).toHaveLength(3);
    expect((await snapshots()).filter((id) => before.includes(id))).toHaveLength(2);
  });

  it('another repository in its place is not touched', async () => {
    const { repository, options, repair } = newCopy();
    const pin = options.pinFile;
    writeFileSync(pin, readFileSync(pin, 'utf8').replace(/"id": "..../, '"id": "0000'));
    const before = readdirSync(join(repository, 'index'));
    await expect(repair.index(true, never)).rejects.toThrow(/not the one/);
    expect(readdirSync(join(repository, 'index'))).toEqual(before);
  });
});
