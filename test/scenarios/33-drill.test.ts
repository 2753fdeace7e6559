// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isRunningWith, mountSmall, newestHost, noise } from '../helpers/faults.ts';
import { flipByte } from '../helpers/listed-tree.ts';
import { descendantsOf, signalAll } from '../helpers/process-tree.ts';
import { seedTree } from '../helpers/seed-snapshot.ts';
import { createSystemLab, expectCode, type SystemLab, until } from '../helpers/system-lab.ts';

/* A snapshot is made by restic itself, of a tree as a run leaves it; what drills do with it is the real program's. */

const FILES = {
  'files/etc/hosts': '127.0.0.1 localhost\n',
  'files/home/photo.jpg': noise(3_000_000, 'photo'),
  'mysql/shop/shop.sql': `-- MariaDB dump 10.19\n${'INSERT INTO t VALUES (1);\n'.repeat(2000)}-- Dump completed on 2026-11-21\n`,
};
const STAMP = '20261121_030000';

let lab: SystemLab;
beforeAll(async () => {
  lab = await createSystemLab();
  // A restic that hangs in the restore of a whole snapshot while there is a file `hang`.
  lab.write(
    lab.at('restic'),
    `#!/bin/sh\ncase "$*" in\n*restore*.backup*) ;;\n*restore*) if [ -e ${lab.at('hang')} ]; then touch ${lab.at('hangs')}; sleep 600; fi ;;\nesac\nexec restic "$@"\n`,
    0o700,
  );
  configure([]);
  await lab.init();
  await seed(STAMP);
  store(STAMP);
});
afterAll(() => lab?.remove());
beforeEach(() => void lab.takeMails());

function configure(drill: readonly string[]): void {
  lab.configure();
  const config = readFileSync(lab.serverConfig, 'utf8');
  const words = ['older_share: 0', 'level: files', ...drill].map((line) => `  ${line}\n`).join('');
  lab.write(
    lab.serverConfig,
    `${config.replace('restic:\n', `restic:\n  restic_cmd: ${lab.at('restic')}\n`)}drill:\n${words}`,
  );
}

const live = () => lab.at('seed');
const seed = (stamp: string) => seedTree({ directory: live(), host: 'lab1', stamp, files: FILES });

function restic(...args: readonly string[]): string {
  const words = ['-r', lab.repository, '-p', lab.at('password'), '--no-cache', ...args];
  return execFileSync('restic', words, { cwd: live(), encoding: 'utf8', stdio: 'pipe' });
}

/** Stores the tree as it is now, as the snapshot of an archive. */
function store(stamp: string): void {
  restic('backup', '--host', 'lab1', '--tag', 'lab1', '--tag', stamp, '--ignore-inode', '--force', '.');
}

const scratch = () => readdirSync(lab.at('temp', 'drill'));
const messages = () =>
  newestHost(lab, 'lab1')
    .steps.map(({ message }) => message ?? '')
    .join('\n');

it('a snapshot that is good is proven: record, mail, and nothing left behind', async () => {
  const end = await expectCode(0, lab.server('drill', 'lab1'));
  expect(end.stdout).toMatch(/^Drill SUCCESSFUL on /m);
  expect(end.stdout).toMatch(/2\.9 MiB in .*, 3 files compared/);
  const record = newestHost(lab, 'lab1');
  expect(record.drill).toMatchObject({ entries: 8, bytes: expect.any(Number) });
  expect(record.drill?.services).toBeUndefined();
  expect(scratch()).toEqual([]);
  const [mail] = await lab.takeMails();
  expect(mail?.subject).toMatch(/^\[Backup Server\] \S+ - Drill SUCCESSFUL$/);
  expect(mail?.text).toContain('Proven Hosts (1):');
  expect(mail?.text).toContain('journalctl -u backup-drill --since');
});

it('of a snapshot that is larger than drill.max_bytes a part is restored and compared', async () => {
  configure(['max_bytes: 100KiB']);
  const end = await expectCode(0, lab.server('drill', '--json'));
  expect(JSON.parse(end.stdout).hosts[0].drill.services.toSorted()).toEqual(['files/etc', 'mysql/shop']);
});

it('a disk that is too small is told with the numbers; nothing is proven, and nothing failed', async () => {
  const small = lab.at('small');
  const unmount = mountSmall(small, 'size=64m');
  try {
    configure([`directory: ${small}`]);
    const end = await expectCode(0, lab.server('drill'));
    expect(end.stdout).toContain('Drill COMPLETED WITH WARNINGS');
    expect(newestHost(lab, 'lab1').skipped).toBe('SKIPPED_NO_SPACE');
    expect(messages()).toMatch(/even the smallest service of the snapshot takes .* has room for/);
    expect(readdirSync(small)).toEqual([]);
  } finally {
    unmount();
  }
});

it('a directory of its own choice has to be there', async () => {
  configure([`directory: ${lab.at('not-mounted')}`]);
  await expectCode(1, lab.server('drill'));
  expect(messages()).toMatch(/not-mounted \(drill.directory\) does not exist\. Mount its disk/);
});

describe('a drill that is ended in the middle', () => {
  it('by SIGTERM removes what it has restored', async () => {
    configure([]);
    lab.write(lab.at('hang'), '');
    const drill = lab.startServer('drill');
    await until('the restore hangs', () => readdirSync(lab.root).includes('hangs'));
    expect(scratch()).toHaveLength(1);
    drill.child.kill('SIGTERM');
    await expectCode(143, drill.ended);
    expect(scratch()).toEqual([]);
  });

  it('by SIGKILL is cleaned up after by the next one, once nobody restores into it any more', async () => {
    execFileSync('rm', ['-f', lab.at('hangs')]);
    const drill = lab.startServer('drill');
    await until('the restore hangs', () => readdirSync(lab.root).includes('hangs'));
    const [left = ''] = scratch();
    const orphans = descendantsOf(drill.child.pid ?? 0);
    drill.child.kill('SIGKILL');
    await drill.ended;
    execFileSync('rm', [lab.at('hang')]);
    const next = await expectCode(0, lab.server('drill'));
    expect(next.output).toMatch(/process \d+, left by a drill that was killed, is still restoring into /);
    expect(scratch()).toEqual([left]);
    signalAll(orphans, 'SIGKILL');
    await until('it has ended', () => !isRunningWith(`${left}/tree`));
    await expectCode(0, lab.server('drill'));
    expect(scratch()).toEqual([]);
  });
});

describe('goes red', () => {
  it('when one byte of a dump was changed before it was stored', async () => {
    await seed('20261122_030000');
    flipByte(join(live(), 'mysql/shop/shop.sql'), 20_000);
    store('20261122_030000');
    const end = await expectCode(1, lab.server('drill'));
    expect(end.stdout).toMatch(/^Drill FAILED on /m);
    expect(messages()).toMatch(/1 of 8 entries differ:\nmysql\/shop\/shop\.sql: its content is another one/);
    expect(newestHost(lab, 'lab1').drill).toBeUndefined();
    const [mail] = await lab.takeMails();
    expect(mail?.subject).toMatch(/ - Drill FAILED$/);
    expect(mail?.text).toMatch(/the last restore that was proven was that of 20/);
  });

  it('when a pack of the repository is damaged', async () => {
    const packs = readdirSync(join(lab.repository, 'data'), { recursive: true, encoding: 'utf8' })
      .map((name) => join(lab.repository, 'data', name))
      .filter((path) => statSync(path).isFile())
      .sort((one, other) => statSync(other).size - statSync(one).size);
    await seed('20261123_030000');
    store('20261123_030000');
    await expectCode(0, lab.server('drill'));
    const [largest = ''] = packs;
    execFileSync('chmod', ['u+w', largest]);
    // In the middle there is the photo; at the beginning may be a small file that only an older snapshot has.
    flipByte(largest, Math.floor(statSync(largest).size / 2));
    await expectCode(1, lab.server('drill'));
    expect(messages()).toMatch(/lab1 is damaged\.[\s\S]*photo\.jpg/);
    expect(scratch()).toEqual([]);
  });
});
