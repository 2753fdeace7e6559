// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newestHost } from '../helpers/faults.ts';
import { saveOthers, savePostgres } from '../helpers/saved-services.ts';
import { seedTree } from '../helpers/seed-snapshot.ts';
import { createSystemLab, expectCode, type SystemLab } from '../helpers/system-lab.ts';

/* Real dumps in a snapshot that restic has made; the real program loads them into real servers. */

const SERVICES = { 'db/pg': 'postgresql', 'db/sqlite': 'sqlite', 'db/redis': 'redis', 'own/thing': 'my_plugin' };
const DUMP = 'db/pg/databases/shop.sql';

let lab: SystemLab;
let saved: string;
const files: Record<string, Buffer | string> = {};
beforeAll(async () => {
  lab = await createSystemLab();
  saved = mkdtempSync(join(tmpdir(), 'drill-saved-'));
  await Promise.all([savePostgres(saved), saveOthers(saved)]);
  for (const name of readdirSync(saved, { recursive: true, encoding: 'utf8' })) {
    if (!name.startsWith('db/ldap') && !isDirectory(join(saved, name))) files[name] = readFileSync(join(saved, name));
  }
  files['own/thing/data'] = 'of a plugin that only the host has';
  files['own/thing/config_used/service.yaml'] = 'service: { name: thing }\nmy_plugin: { any: option }\n';
  lab.configure();
  const config = readFileSync(lab.serverConfig, 'utf8');
  lab.write(lab.serverConfig, `${config}drill:\n  older_share: 0\n`);
  await lab.init();
  await store('20261121_030000', files);
});
afterAll(async () => {
  await lab?.remove();
  rmSync(saved, { recursive: true, force: true });
});
beforeEach(() => void lab.takeMails());

function isDirectory(path: string): boolean {
  return readdirSync(join(path, '..'), { withFileTypes: true }).some(
    (one) => path.endsWith(`/${one.name}`) && one.isDirectory(),
  );
}

/** The tree as a run leaves it, its entry list fitting, and the snapshot of it. */
async function store(stamp: string, content: Readonly<Record<string, string | Buffer>>): Promise<void> {
  await seedTree({ directory: lab.at('seed'), host: 'lab1', stamp, files: content, services: SERVICES });
  const where = ['-r', lab.repository, '-p', lab.at('password'), '--no-cache'];
  const tags = ['--host', 'lab1', '--tag', 'lab1', '--tag', stamp, '--ignore-inode', '--force'];
  execFileSync('restic', [...where, 'backup', ...tags, '.'], { cwd: lab.at('seed'), stdio: 'pipe' });
}

it('services are loaded by the plugins that saved them: on the terminal, in the record, the mail and the status', async () => {
  const end = await expectCode(0, lab.server('drill'));
  expect(end.stdout).toMatch(/^Drill SUCCESSFUL on /m);
  expect(end.stdout).toContain('  Services: 3 proven, 1 not looked at\n');
  expect(end.stdout).toMatch(
    /note services: 3 proven, 1 not looked at: own\/thing \(my_plugin: a plugin of the\s+host's own/,
  );
  expect(newestHost(lab, 'lab1').drill?.loaded).toMatchObject({ proven: 3, failed: 0, unseenCount: 1 });
  expect(readdirSync(lab.at('temp', 'drill'))).toEqual([]);
  const [mail] = await lab.takeMails();
  expect(mail?.text).toContain('  Services: 3 proven, 1 not looked at\n');
  expect((await lab.server('status')).stdout).toMatch(/, services 3\/4 /);
});

it('--level files compares, and loads nothing', async () => {
  const end = await expectCode(0, lab.server('drill', '--level', 'files'));
  expect(end.stdout).not.toContain('ervices');
  expect(newestHost(lab, 'lab1').drill?.loaded).toBeUndefined();
});

it('goes red when one byte of a dump was changed before it was stored, though every file is as listed', async () => {
  const changed = files[DUMP]?.toString('latin1').replace('2\tcoffee', '3\tcoffee') ?? '';
  expect(changed).not.toBe(files[DUMP]?.toString('latin1'));
  await store('20261122_030000', { ...files, [DUMP]: changed });
  const end = await expectCode(1, lab.server('drill'));
  expect(end.stdout).toMatch(/^Drill FAILED on /m);
  const { steps, drill } = newestHost(lab, 'lab1');
  expect(steps.filter(({ status }) => status === 'failed').map(({ message }) => message)).toEqual([
    expect.stringMatching(
      /^1 of 4 services of lab1 would not come back as they were:\ndb\/pg: postgresql: database shop: .*orders_pkey.*\n.*backup-server backup --force lab1/,
    ),
  ]);
  expect(drill?.loaded).toMatchObject({ proven: 2, failed: 1 });
  expect((await lab.takeMails())[0]?.subject).toMatch(/ - Drill FAILED$/);
  expect(readdirSync(lab.at('temp', 'drill'))).toEqual([]);
  expect((await lab.server('status')).stdout).toContain('its last drill failed: that it can be restored is not proven');
});
