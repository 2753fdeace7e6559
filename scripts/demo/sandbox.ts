// SPDX-License-Identifier: AGPL-3.0-or-later
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** Where everything of the demo is: below `./demo-run`, nothing elsewhere. */
export interface Sandbox {
  readonly root: string;
  /** Configuration, spool and state of the machine that is backed up. */
  readonly client: string;
  /** Configuration, repository and state of the backup server. */
  readonly server: string;
  readonly app: string;
  readonly spool: string;
  readonly mail: string;
  readonly restored: string;
  readonly clientConfig: string;
  readonly serverConfig: string;
}

/** The demo's name of this machine: archive prefix, repository, restic host. */
export const HOST = 'demo-host';

export function sandboxAt(root: string): Sandbox {
  return {
    root,
    client: join(root, 'client'),
    server: join(root, 'server'),
    app: join(root, 'sample-app'),
    spool: join(root, 'client', 'spool'),
    mail: join(root, 'mail'),
    restored: join(root, 'restored'),
    clientConfig: join(root, 'client', 'etc', 'client_config.yml'),
    serverConfig: join(root, 'server', 'etc', 'server_config.yml'),
  };
}

/** Directories that `/etc` shares with nobody else; what a first-time user would want saved when nothing is named. */
const DEFAULT_DIRECTORIES = ['/etc'];

/**
 * What the demo is to save: the given directories, else `/etc`.
 * @throws Error that names the one that is not there or holds the demo itself
 */
export function directoriesToSave(args: readonly string[], sandbox: Sandbox): readonly string[] {
  const directories = args.length > 0 ? args.map((directory) => resolve(directory)) : DEFAULT_DIRECTORIES;
  for (const directory of directories) {
    if (!existsSync(directory)) throw new Error(`There is no ${directory}.`);
    if (`${sandbox.root}/`.startsWith(`${directory}/`)) {
      throw new Error(`${directory} holds ${sandbox.root}, where the demo works. Name a directory beside it.`);
    }
  }
  return directories;
}

/** Writes the configuration of the client: what an admin would write into /etc/backup. */
export async function writeClientConfig(sandbox: Sandbox, directories: readonly string[]): Promise<void> {
  const services = join(sandbox.client, 'etc', 'services');
  await rm(services, { recursive: true, force: true });
  await writePrivate(
    sandbox.clientConfig,
    `# Everything that this client needs to know.
base_backup_dir: ${sandbox.spool}
backup_user: root
backup_group: root
admin_email: admin@example.org
keep_days: 7
hostname: ${HOST}
mail: { command: ${deliveryOf(sandbox)} }
min_free_space_mb: 200
service_dir: ${services}
state_dir: ${join(sandbox.client, 'state')}
lock_dir: ${join(sandbox.client, 'state')}
`,
  );
  const paths = directories.map((directory) => `    - ${JSON.stringify(directory)}\n`).join('');
  await writePrivate(
    join(services, 'system', 'directories', 'service.yaml'),
    `service:\n  name: directories\nfiles:\n  paths:\n${paths}`,
  );
  await writePrivate(
    join(services, 'web', 'sample-app', 'service.yaml'),
    `service:
  name: sample-app
# The database is dumped by a command, the rest is read in place.
command:
  run: [sqlite3, ${join(sandbox.app, 'app.db')}, .dump]
  stdout: app.sql
files:
  paths: [${sandbox.app}]
  exclude: [app.db]
`,
  );
}

/** Writes the configuration of the server: one host, reached over SFTP. */
export async function writeServerConfig(
  sandbox: Sandbox,
  ssh: { port: number; key: string; user: string },
): Promise<void> {
  const password = join(sandbox.server, 'etc', 'restic-password');
  if (!existsSync(password)) await writePrivate(password, `${randomBytes(32).toString('base64')}\n`);
  await rm(join(sandbox.server, 'known_hosts'), { force: true });
  await mkdir(join(sandbox.server, 'work'), { recursive: true, mode: 0o700 });
  await mkdir(join(sandbox.server, 'repositories'), { recursive: true, mode: 0o700 });
  await writePrivate(
    sandbox.serverConfig,
    `# Everything that the server needs to know.
global:
  admin_email: admin@example.org
  local_temp_base_dir: ${join(sandbox.server, 'work')}
  state_dir: ${join(sandbox.server, 'state')}
  lock_dir: ${join(sandbox.server, 'state')}
mail: { command: ${deliveryOf(sandbox)} }
restic:
  repository_root: ${join(sandbox.server, 'repositories')}
  password_file: ${password}
hosts:
  - hostname: ${HOST}
    address: 127.0.0.1
    port: ${ssh.port}
    ssh_user: ${ssh.user}
    ssh_key_file: ${ssh.key}
    known_hosts_file: [${join(sandbox.server, 'known_hosts')}]
    remote_tar_dir: ${sandbox.spool}
`,
  );
}

/**
 * Where mail goes instead of to a mail server, which a machine for a demo rarely has: a program that takes it as msmtp
 * does and saves it as a file.
 */
export async function writeMailDelivery(sandbox: Sandbox): Promise<void> {
  const script = `#!/bin/sh\nexec cat > "${sandbox.mail}/$(date +%Y%m%d_%H%M%S_%N).eml"\n`;
  await mkdir(sandbox.mail, { recursive: true });
  await writePrivate(deliveryOf(sandbox), script, 0o700);
}

function deliveryOf(sandbox: Sandbox): string {
  return join(sandbox.root, 'deliver-mail');
}

async function writePrivate(file: string, text: string, mode = 0o600): Promise<void> {
  await mkdir(join(file, '..'), { recursive: true, mode: 0o700 });
  await writeFile(file, text, { mode });
}
