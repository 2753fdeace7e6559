// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ldap } from '../../packages/client/src/plugins/ldap/index.ts';
import { copyContext, pluginContext, restoreContext } from '../helpers/plugin-context.ts';
import { pluginContract } from './plugin.ts';

const run = (program: string, args: readonly string[], input = '') =>
  execFileSync(program, args, { input, stdio: ['pipe', 'pipe', 'pipe'], encoding: 'utf8' });

/** One database for whatever there may be: two trees that have nothing above them. */
function slapdIn(directory: string) {
  const [config, data] = [join(directory, 'slapd.d'), join(directory, 'data')];
  for (const path of [config, data]) mkdirSync(path, { mode: 0o700 });
  const parts = [
    ['dn: cn=config', 'objectClass: olcGlobal', 'cn: config'],
    ['dn: cn=module{0},cn=config', 'objectClass: olcModuleList', 'cn: module{0}', 'olcModulePath: /usr/lib/ldap'],
    ['dn: cn=schema,cn=config', 'objectClass: olcSchemaConfig', 'cn: schema'],
    ['include: file:///etc/ldap/schema/core.ldif'],
    ['dn: olcDatabase={1}mdb,cn=config', 'objectClass: olcDatabaseConfig', 'objectClass: olcMdbConfig'],
  ];
  parts[1]?.push('olcModuleLoad: back_mdb');
  parts[4]?.push('olcDatabase: {1}mdb', 'olcSuffix:', `olcDbDirectory: ${data}`);
  run('slapadd', ['-F', config, '-n', '0'], `${parts.map((part) => part.join('\n')).join('\n\n')}\n\n`);
  const trees = ['one', 'two'].map((name) => `dn: o=${name}\nobjectClass: organization\no: ${name}\n\n`).join('');
  run('slapadd', ['-F', config, '-b', ''], trees);
  return {
    options: { config_dir: config },
    stateOfHost: () => (existsSync(join(data, 'data.mdb')) ? run('slapcat', ['-F', config, '-b', '']) : ''),
    destroy: () => rmSync(join(data, 'data.mdb')),
  };
}

const FILE = 'ldap/data/empty.ldif';

pluginContract(ldap, (directory) => ({
  ...slapdIn(directory),
  damage: (copy) => truncateSync(join(copy, FILE), statSync(join(copy, FILE)).size - 20),
}));

it('a database with an empty suffix is loaded to be verified, and told by words', async () => {
  const root = mkdtempSync(join(tmpdir(), 'ldap-'));
  try {
    for (const name of ['host', 'stage', 'scratch', 'kept']) mkdirSync(join(root, name), { mode: 0o700 });
    const { options } = slapdIn(join(root, 'host'));
    const given = { options: { ...options, suffixes: [''] }, stage: join(root, 'stage') };
    expect([...((await ldap.run(pluginContext(ldap, given))).tables ?? [])]).toEqual([['""', 2]]);
    const places = { copy: join(root, 'stage'), scratch: join(root, 'scratch'), kept: join(root, 'kept'), options };
    const checks = await ldap.verify?.(copyContext(ldap, { ...places, level: 'full' }));
    expect(checks?.[1]).toEqual({ name: FILE, status: 'ok', message: 'loads, 2 entries' });
    const steps = await ldap.restore?.plan(restoreContext(ldap, places));
    expect(steps?.map(({ what }) => what).join('\n')).toMatch(/the empty suffix "": 2 entries/);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});
