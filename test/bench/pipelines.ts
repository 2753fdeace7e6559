// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { runRecordSchema } from '@local-backup/common/run-record';
import type { Sshd } from '../helpers/sshd.ts';
import { measure } from './measure.ts';

/** One day's run of a whole pipeline. Seconds and bytes. */
export interface DayResult {
  readonly wall: number;
  readonly cpu: number;
  readonly wire: number;
  readonly clientTemporary: number;
  readonly serverTemporary: number;
  readonly clientMemory: number;
  readonly serverMemory: number;
  readonly stages: readonly { readonly stage: string; readonly seconds: number }[];
}

interface ReferenceLine {
  readonly stage: string;
  readonly wall_s: number;
  readonly cpu_s: number;
  readonly wire_rx: number;
  readonly wire_tx: number;
  readonly client_tmp: number;
  readonly server_tmp: number;
}

export async function runReference(work: string, data: string): Promise<DayResult> {
  const { stdout } = await measure(['bash', resolve('test/bench/reference-pipeline.sh'), work, data], []);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as ReferenceLine);
  const total = lines.find(({ stage }) => stage === 'total');
  if (total === undefined) throw new Error(`the reference pipeline gave no total:\n${stdout}`);
  return {
    wall: total.wall_s,
    cpu: total.cpu_s,
    wire: total.wire_rx + total.wire_tx,
    clientTemporary: total.client_tmp,
    serverTemporary: total.server_tmp,
    clientMemory: 0,
    serverMemory: 0,
    stages: lines.filter((line) => line !== total).map(({ stage, wall_s }) => ({ stage, seconds: wall_s })),
  };
}

const HOST = 'bench-host';

/** Configuration of client and server, and an empty repository. Not timed, as in the reference. */
export async function prepareOurs(work: string, data: string, sshd: Sshd): Promise<void> {
  const at = (...names: string[]) => join(work, ...names);
  const file = (path: string, text: string) => {
    mkdirSync(join(path, '..'), { recursive: true, mode: 0o700 });
    writeFileSync(path, text, { mode: 0o600 });
  };
  for (const name of ['temp', 'repositories']) mkdirSync(at(name), { recursive: true, mode: 0o700 });
  const account = 'backup_user: root\nbackup_group: root\nadmin_email: root@localhost\nkeep_days: 7\n';
  const places = `service_dir: ${at('services')}\nstate_dir: ${at('client-state')}\nlock_dir: ${at('client-state')}\n`;
  file(at('client_config.yml'), `base_backup_dir: ${at('spool')}\n${account}hostname: ${HOST}\n${places}`);
  file(at('services', 'bench', 'data', 'service.yaml'), `service:\n  name: data\nfiles:\n  paths: [${data}]\n`);
  file(at('password'), 'benchmark-password\n');
  const state = `  state_dir: ${at('server-state')}\n  lock_dir: ${at('server-state')}\n`;
  file(
    at('server_config.yml'),
    `global:\n  admin_email: root@localhost\n  local_temp_base_dir: ${at('temp')}\n  msmtp_cmd: "true"\n${state}` +
      `restic:\n  repository_root: ${at('repositories')}\n  password_file: ${at('password')}\n` +
      `hosts:\n  - hostname: ${HOST}\n    address: 127.0.0.1\n    port: ${sshd.port}\n    ssh_user: ${sshd.user}\n` +
      `    ssh_key_file: ${sshd.clientKey}\n    known_hosts_file: [${sshd.knownHostsFile}]\n    remote_tar_dir: ${at('spool')}\n`,
  );
  execFileSync(process.execPath, [...server(work), 'init', HOST], { stdio: 'ignore' });
}

export async function runOurs(work: string): Promise<DayResult> {
  const client = await measure(
    [
      process.execPath,
      resolve('packages/client/dist/backup-client.cjs'),
      '-c',
      join(work, 'client_config.yml'),
      'backup',
    ],
    [join(work, 'spool')],
  );
  const fetched = await measure([process.execPath, ...server(work), 'backup'], [join(work, 'temp')]);
  return {
    wall: client.wall + fetched.wall,
    cpu: client.cpu + fetched.cpu,
    wire: fetched.wire,
    clientTemporary: client.temporary,
    serverTemporary: fetched.temporary,
    clientMemory: client.peakMemory,
    serverMemory: fetched.peakMemory,
    stages: [{ stage: 'client', seconds: client.wall }, ...serverSteps(work)],
  };
}

function server(work: string): string[] {
  return [resolve('packages/server/dist/backup-server.cjs'), '-c', join(work, 'server_config.yml')];
}

function serverSteps(work: string) {
  const runs = join(work, 'server-state', 'runs');
  const newest = readdirSync(runs).sort().at(-1) ?? '';
  const record = runRecordSchema.parse(JSON.parse(readFileSync(join(runs, newest), 'utf8')));
  return record.hosts.flatMap((host) => host.steps.map(({ name, seconds }) => ({ stage: name, seconds })));
}
