// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRun } from '@local-backup/common/exec';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RepositoryKeys } from '../../packages/server/src/stores/keys.ts';
import type { ResticStoreOptions } from '../../packages/server/src/stores/restic/index.ts';
import { createResticKeys } from '../../packages/server/src/stores/restic/keys.ts';
import { createResticLab, type ResticLab } from '../helpers/restic-lab.ts';
import { RESTIC_SERIES } from '../helpers/restic-versions.ts';
import { silentLog } from '../helpers/silent-log.ts';

const { signal } = new AbortController();

describe.each(RESTIC_SERIES)('keys of a repository of restic %s', (series) => {
  let lab: ResticLab;
  let started: string[];
  const at = (name: string) => join(lab.directory, name);
  const secret = (name: string, text: string) => {
    writeFileSync(at(name), text, { mode: 0o600 });
    return at(name);
  };
  const keysOf = (changed: Partial<ResticStoreOptions> = {}): RepositoryKeys => {
    const run = createRun({ scrub: (text) => text });
    const watched: typeof run = (program, args, options) => {
      started.push([...args, ...Object.values(options.env ?? {})].join(' '));
      return run(program, args, options);
    };
    return createResticKeys(lab.options('web1', changed), { run: watched, log: silentLog });
  };

  beforeAll(async () => {
    started = [];
    lab = await createResticLab(series);
    await lab.store('web1').init(signal);
  });

  afterAll(() => lab.remove());

  it('a password is added beside the old one, proven, and not added twice', async () => {
    const [first] = await keysOf().list(signal);
    expect(first).toMatchObject({ current: true });
    const file = secret('new', 'battery staple\n');
    const added = await keysOf().add(file, signal);
    expect(added).toMatchObject({ created: true, key: { current: true, user: 'backup-server' } });
    expect(await keysOf().add(file, signal)).toEqual({ created: false, key: added.key });
    const both = await keysOf().list(signal);
    expect(both.map(({ id, current }) => ({ id, current }))).toEqual([
      { id: first?.id, current: true },
      { id: added.key.id, current: false },
    ]);
    // No password is where other users could see it.
    expect(started.join('\n')).not.toMatch(/battery staple|correct web1/);
  });

  it('the key in use is not removed, nor one that is not there', async () => {
    const [inUse] = await keysOf().list(signal);
    await expect(keysOf().remove(inUse?.id ?? '', signal)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(/is the one that the configured password opens.*\(in use\)/),
    });
    for (const id of ['ffffffff', '', 'f', '../../config']) {
      await expect(keysOf().remove(id, signal)).rejects.toMatchObject({ code: 'usage' });
    }
    expect(await keysOf().list(signal)).toHaveLength(2);
  });

  it('the old key goes once the new password is configured; the last one stays', async () => {
    const old = (await keysOf().list(signal)).at(0)?.id ?? '';
    const withNew = keysOf({ password: { file: at('new') } });
    expect(await withNew.remove(old, signal)).toMatchObject({ id: old, current: false });
    await expect(keysOf().list(signal)).rejects.toThrow(/password/);
    const [last, ...others] = await withNew.list(signal);
    expect(others).toEqual([]);
    await expect(withNew.remove(last?.id ?? '', signal)).rejects.toMatchObject({ code: 'usage' });
    expect(await withNew.list(signal)).toEqual([last]);
  });

  it('a password file that is missing, empty or open to others is refused before restic is asked', async () => {
    const withNew = keysOf({ password: { file: at('new') } });
    const open = secret('open', 'for all\n');
    chmodSync(open, 0o644);
    for (const file of [at('none'), secret('empty', '\n'), open]) {
      started = [];
      await expect(withNew.add(file, signal)).rejects.toMatchObject({ code: 'config' });
      expect(started).toEqual([]);
    }
  });
});
