// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ldap } from '../../packages/client/src/plugins/ldap/index.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { SlapdLab } from '../helpers/slapd-lab.ts';
import { pluginContract } from './plugin.ts';

const lab = new SlapdLab();
const FILE = 'ldap/data/dc=ex,dc=org.ldif';

afterAll(() => lab.remove());

pluginContract(ldap, () => {
  lab.create();
  return {
    options: { config_dir: lab.config },
    stateOfHost: () => [lab.dump(), statSync(lab.data).mode, statSync(lab.data).uid],
    destroy: () => rmSync(join(lab.data, 'data.mdb')),
    damage: (copy) => truncateSync(join(copy, FILE), statSync(join(copy, FILE)).size - 20),
  };
});

describe('ldap', () => {
  let root: string;

  beforeEach(() => {
    lab.create();
    root = mkdtempSync(join(tmpdir(), 'ldap-'));
    for (const name of ['stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
  });

  afterEach(async () => {
    await lab.stop();
    rmSync(root, { recursive: true, force: true });
  });

  const contextOf = (more: object = {}) =>
    pluginContext(ldap, { options: { config_dir: lab.config, ...more }, stage: join(root, 'stage') });

  const directories = () => ({ copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept') });

  const verify = async (level: 'quick' | 'full' = 'full') => {
    const options = { config_dir: lab.config };
    return (await ldap.verify?.(copyContext(ldap, { options, ...directories(), level }))) ?? [];
  };

  const restoring = (given: object = {}) =>
    restoreContext(ldap, { options: { config_dir: lab.config }, ...directories(), ...given });

  const change = (name: string, edit: (text: string) => string) => {
    const file = join(root, 'stage', name);
    writeFileSync(file, edit(readFileSync(file, 'utf8')));
  };

  it('saves while slapd runs, and loads it with the schema of its own', async () => {
    await lab.start();
    lab.ldapadd('cleo');
    const { tables } = await ldap.run(contextOf());
    expect([...(tables ?? [])]).toEqual([['dc=ex,dc=org', 5]]);
    expect(statSync(join(root, 'stage', FILE)).mode & 0o777).toBe(0o600);
    expect(await verify()).toMatchObject([
      { name: 'ldap/config.ldif', status: 'ok' },
      { name: FILE, status: 'ok', message: 'loads, 5 entries' },
    ]);
    expect(readdirSync(join(root, 'scratch'))).toEqual([]);
  });

  it('replaces nothing while slapd has it open', async () => {
    await ldap.run(contextOf());
    await lab.start();
    const context = restoring();
    const plan = await ldap.restore?.plan(context);
    expect(plan?.[0]).toMatchObject({ action: 'note', what: expect.stringMatching(/open in slapd \(process \d+\)/) });
    await expect(ldap.restore?.apply(context)).rejects.toThrow(/has to be stopped/);
    expect(context.remembered()).toBeUndefined();
  });

  it('restores what slapd then starts with; configuration and data onto a host that has none', async () => {
    const before = lab.dump();
    await ldap.run(contextOf());
    for (const name of [lab.config, lab.data]) rmSync(name, { recursive: true });
    const context = restoring();
    const plan = await ldap.restore?.plan(context);
    expect(plan?.map(({ action }) => action)).toEqual(['create', 'create', 'load']);
    await ldap.restore?.apply(context);
    expect(lab.dump()).toBe(before);
    expect(statSync(join(lab.data, 'data.mdb')).uid).toBe(lab.uid);
    await lab.start();
    lab.ldapadd('cleo');
    await lab.stop();
    await ldap.restore?.revert(context);
    expect(readdirSync(lab.directory).filter((name) => name.startsWith('data') || name.startsWith('slapd'))).toEqual(
      [],
    );
  });

  it('puts the old directory back when it was killed before it was moved', async () => {
    await ldap.run(contextOf());
    const before = lab.dump();
    const memo = { moved: [{ directory: lab.data, aside: `${lab.data}.kept-1` }] };
    await ldap.restore?.revert(restoring({ memo }));
    expect(lab.dump()).toBe(before);
  });

  it('loads no configuration that names modules or directories of the system', async () => {
    await ldap.run(contextOf());
    const good = readFileSync(join(root, 'stage/ldap/config.ldif'), 'utf8');
    rmSync(lab.config, { recursive: true });
    for (const [from, to, message] of [
      ['olcModulePath: /usr/lib/ldap', 'olcModulePath: /tmp/evil', /loads the module "\/tmp\/evil"/],
      ['olcModuleLoad: {1}memberof.la', 'olcModuleLoad: {1}/tmp/evil.so', /evil\.so/],
      ['olcModuleLoad: {1}memberof.la', 'olcModuleLoad: {1}back_perl', /back_perl/],
      [`olcDbDirectory: ${lab.data}`, 'olcDbDirectory: /etc', /a database is in "\/etc"/],
      [`olcDbDirectory: ${lab.data}`, 'olcDbDirectory: /usr/share/slapd', /no directory of slapd/],
    ] as const) {
      expect(good).toContain(from);
      change('ldap/config.ldif', () => good.replace(from, to));
      await expect(ldap.restore?.plan(restoring()), to).rejects.toThrow(message);
    }
  });

  it.each([
    ['attribute', (text: string) => text.replace('sn: x', 'sn:< file:///etc/hostname')],
    ['entry', (text: string) => `${text}include: file:///etc/hostname\n\n`],
  ])('refuses an %s that would make slapadd read a file', async (_name, edit) => {
    await ldap.run(contextOf());
    change(FILE, edit);
    expect((await verify('quick'))[1]).toMatchObject({
      status: 'failed',
      message: expect.stringMatching(/read a file|no entry/),
    });
    await expect(ldap.restore?.apply(restoring())).rejects.toThrow(/read a file|no entry/);
  });

  it('sees entries that are missing, and data that do not fit the schema', async () => {
    await ldap.run(contextOf());
    const good = readFileSync(join(root, 'stage', FILE), 'utf8');
    change(FILE, (text) => text.slice(0, text.lastIndexOf('\n\n', text.length - 3) + 2));
    expect((await verify('quick'))[1]).toMatchObject({ status: 'failed', message: '3 entries, 4 when it was saved' });
    change(FILE, () => good.replace('shoeSize: 40', 'hatSize: 40'));
    expect((await verify())[1]).toMatchObject({ status: 'failed', message: expect.stringContaining('hatSize') });
  });

  it('says which database is not there', async () => {
    await expect(ldap.run(contextOf({ suffixes: ['dc=none'] }))).rejects.toThrow(
      /no database dc=none; it has: dc=ex,dc=org/,
    );
    await expect(ldap.validate?.(contextOf({ config_dir: root }))).rejects.toThrow(/no configuration of slapd/);
  });

  it('fails where the database is damaged, and leaves no half dump', async () => {
    lab.damage();
    await expect(ldap.run(contextOf())).rejects.toThrow(/dc=ex,dc=org: slapcat failed/);
    expect(readdirSync(join(root, 'stage/ldap/data'))).toEqual([]);
  });

  it('fails when the disk is full', async () => {
    const stage = join(root, 'stage');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', stage]);
    try {
      await expect(ldap.run(contextOf())).rejects.toThrow(/slapcat/);
    } finally {
      execFileSync('umount', [stage]);
    }
  });
});
