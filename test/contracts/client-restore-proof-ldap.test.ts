// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ldap } from '../../packages/client/src/plugins/ldap/index.ts';
import { applyRestore, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { SlapdLab } from '../helpers/slapd-lab.ts';

const lab = new SlapdLab();
let root: string;

beforeEach(async () => {
  lab.create();
  root = mkdtempSync(join(tmpdir(), 'ldap-'));
  for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  await ldap.run(pluginContext(ldap, { options: { config_dir: lab.config }, stage: join(root, 'stage') }));
});

afterEach(async () => {
  await lab.stop();
  rmSync(root, { recursive: true, force: true });
});

afterAll(() => lab.remove());

const contextOf = () =>
  restoreContext(ldap, {
    ...{ options: { config_dir: lab.config }, copy: join(root, 'stage'), scratch: join(root, 'scratch') },
    kept: join(root, 'kept'),
  });

async function restored() {
  const context = contextOf();
  await applyRestore(ldap, context);
  return async () => {
    // As the core does: a scratch directory of its own for every call.
    rmSync(join(root, 'scratch'), { recursive: true });
    mkdirSync(join(root, 'scratch'));
    return (await ldap.restore?.verify?.(context)) ?? [];
  };
}

describe('an LDAP database that was put back', () => {
  it('is open in a slapd that answers and knows it, whatever was added since', async () => {
    const verify = await restored();
    await lab.start();
    lab.ldapadd('cleo');
    expect(await verify()).toEqual([{ name: lab.suffix, status: 'ok', message: '5 entries, slapd answers' }]);
  });

  it('is told as not looked at where no slapd runs with it, and fails where it is empty', async () => {
    const verify = await restored();
    expect(await verify()).toMatchObject([
      { status: 'skipped', message: '4 entries; no slapd runs with it. Start it.' },
    ]);
    rmSync(join(lab.data, 'data.mdb'));
    await lab.start();
    expect(await verify().catch((error: Error) => [{ status: 'failed', message: error.message }])).toMatchObject([
      { status: 'failed' },
    ]);
  });

  it('is not accepted with fewer entries than were saved, and the old one is put back', async () => {
    const before = lab.dump();
    const record = join(root, 'stage/ldap/saved.json');
    writeFileSync(record, readFileSync(record, 'utf8').replace(/("entries": ?)4/, '$15'));
    const context = contextOf();
    await expect(ldap.restore?.apply(context)).rejects.toThrow('holds 4 entries; 5 were saved');
    await ldap.restore?.revert(context);
    expect(lab.dump()).toBe(before);
  });
});
