// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seedSnapshot } from './seed-history.ts';
import { type Ended, expectCode, startProgram } from './system-lab.ts';

/** Two services, and names that no terminal, glob or JSON may stumble over. */
const TREE = `
  mkdir -p web/shop/data web/blog db/main
  echo one > web/shop/data/a.conf; echo same > web/shop/data/same; ln web/shop/data/same web/shop/second
  ln -s /etc/passwd web/shop/link; echo odd > web/shop/data/$'new\\nline'; echo q > web/shop/data/'q"u* e'
  echo esc > web/shop/data/$'\\e[2J'; echo bad > db/main/$'caf\\xe9'; printf '\\x00\\xff\\r\\n' > db/main/binary
  head -c 300000 /dev/zero > db/main/dump.sql; echo first > web/blog/post
`;

/** A server with two hosts whose repositories hold what it is asked about; no clients. */
export async function createHistoryLab() {
  const root = fs.mkdtempSync(join(tmpdir(), 'history-'));
  const at = (...names: string[]) => join(root, ...names);
  for (const name of ['live', 'live-db', 'repositories', 'temp']) fs.mkdirSync(at(name), { mode: 0o700 });
  fs.writeFileSync(at('password'), 'correct\n', { mode: 0o600 });
  fs.writeFileSync(at('key'), 'none\n', { mode: 0o600 });
  const start = (...args: string[]) => startProgram('server', ['-c', at('server_config.yml'), ...args]);
  const server = (...args: string[]): Promise<Ended> => start(...args).ended;
  const lab = {
    ...{ root, at, start, server },
    ...(await seed(root)),
    /** What a command prints as JSON. */
    async json<Result>(...args: string[]): Promise<Result> {
      return JSON.parse((await expectCode(0, server('--json', ...args))).stdout);
    },
    configure: (restic = 'restic') =>
      fs.writeFileSync(at('server_config.yml'), configOf(root, restic), { mode: 0o600 }),
    remove: () => fs.rmSync(root, { recursive: true, force: true }),
  };
  lab.configure();
  return lab;
}

export type HistoryLab = Awaited<ReturnType<typeof createHistoryLab>>;

/** Whole ids: of web1 the oldest, a newer one, the newest, which was never proven whole; and the only one of db1. */
async function seed(root: string) {
  const of = (host: string, live: string) => ({
    ...{ program: 'restic', repository: join(root, 'repositories', host), passwordFile: join(root, 'password') },
    ...{ cacheDirectory: join(root, 'state/restic-cache'), host, live },
  });
  const live = join(root, 'live');
  const web1 = of('web1', live);
  const services = ['web/shop', 'web/blog', 'db/main'];
  const inTree = (script: string) =>
    execFileSync('bash', ['--norc', '-euc', script], { cwd: live, env: { ...process.env, LC_ALL: 'C.UTF-8' } });
  inTree(TREE);
  const oldest = await seedSnapshot(web1, { time: '2026-03-01 03:00:00', services });
  inTree('echo second > web/blog/post; echo more > web/blog/more; rm db/main/binary');
  const newer = await seedSnapshot(web1, { time: '2026-03-05 14:30:20', services });
  inTree('rm -r web/shop');
  const doubtful = await seedSnapshot(web1, { time: '2026-03-06 03:00:00', services });
  fs.mkdirSync(join(root, 'state/unproven/web1'), { recursive: true });
  fs.writeFileSync(join(root, 'state/unproven/web1/20260306_030000'), '');
  // As another program leaves it: without anything that proves it.
  fs.writeFileSync(join(root, 'live-db/file'), 'of another program\n');
  const db1 = of('db1', join(root, 'live-db'));
  const other = await seedSnapshot(db1, { time: '2026-03-01 03:00:00', services: [], proof: false });
  return { oldest, newer, doubtful, other };
}

function configOf(root: string, restic: string): string {
  const host = (name: string) => [
    `  - hostname: ${name}\n    address: 127.0.0.1\n    ssh_user: root\n    ssh_key_file: ${root}/key`,
    `    known_hosts_file: [${root}/known_hosts]\n    remote_tar_dir: /spool`,
  ];
  return [
    `global:\n  admin_email: admin@example.org\n  local_temp_base_dir: ${root}/temp`,
    `  state_dir: ${root}/state\n  lock_dir: ${root}/state`,
    `restic:\n  repository_root: ${root}/repositories\n  password_file: ${root}/password\n  restic_cmd: ${restic}`,
    ...['hosts:', ...host('web1'), ...host('db1'), ''],
  ].join('\n');
}
