// SPDX-License-Identifier: AGPL-3.0-or-later
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type InitOptions, initCommand } from '../../packages/client/src/commands/init.ts';
import { discoverServices } from '../../packages/client/src/discover.ts';
import { plugins } from '../../packages/client/src/plugins/index.ts';
import { placesIn } from './init-places.ts';

/** A host that `backup-client init` looks at: directories below a temporary one, stand-ins for its programs on PATH. */
export function createInitLab() {
  const work = mkdtempSync(join(tmpdir(), 'init-'));
  const at = (...names: string[]) => join(work, ...names);
  const path = process.env.PATH ?? '';
  for (const name of ['root', 'bin']) mkdirSync(at(name));
  process.env.PATH = `${at('bin')}:${path}`;
  const host = fakeHost(at('root'));
  const program = (name: string, script: string) => writeProgram(at('bin', name), script);
  const configFile = at('backup/client_config.yml');
  return {
    at,
    ...host,
    /** A program in front of all others. */
    program,
    /** What docker says of projects and containers; ids are made up. */
    docker(projects: readonly object[], containers: readonly object[]): void {
      writeFileSync(at('projects'), JSON.stringify(projects));
      writeFileSync(at('containers'), containers.map((each) => `${JSON.stringify(each)}\n`).join(''));
      writeFileSync(at('ids'), containers.map((_, index) => `${String(index).padStart(64, '0')}\n`).join(''));
      const answers = `'compose ls') cat '${at('projects')}';; 'ps --all') cat '${at('ids')}';; 'inspect --type') cat '${at('containers')}';;`;
      program('docker', `case "$1 $2" in ${answers} *) echo "no such command: $*" >&2; exit 1;; esac`);
    },
    configFile,
    /** The file that sshd would read. */
    keys: at('ssh/backup-client.keys'),
    /** Runs the command in this process. What it throws is `error`. */
    init: (options: InitOptions, { json = false } = {}) => runInit({ config: configFile, json }, options, at),
    /** A client_config.yml, so that none is written. */
    configure: () => writePrivate(configFile, clientConfig(at)),
    /** Writes a service of the host, as an admin does. */
    service: (name: string, text: string) => writePrivate(at('backup', name, 'service.yaml'), text),
    /** What is below the directory with the configuration, by name, with its text. */
    written: (): Record<string, string> => textsBelow(at('backup')),
    /** The services, read by the real plugins. */
    services: () => discoverServices(at('backup'), plugins),
    remove(): void {
      process.env.PATH = path;
      host.closeSockets();
      rmSync(work, { recursive: true, force: true });
    },
  };
}

export type InitLab = ReturnType<typeof createInitLab>;

function fakeHost(root: string) {
  const sockets: Server[] = [];
  const place = (name: string) => {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    return join(root, name);
  };
  const file = (name: string, text = 'x\n') => writeFileSync(place(name), text);
  return {
    /** Writes a file of the host. */
    file,
    /** A socket of the host that somebody listens on. */
    async socket(name: string): Promise<void> {
      const server = createServer();
      await new Promise<void>((done) => void server.listen(place(name), done));
      sockets.push(server);
    },
    /** These ports, and no others. */
    listening(...ports: number[]): void {
      const lines = ports.map((port, index) => {
        const hexadecimal = port.toString(16).toUpperCase().padStart(4, '0');
        return `   ${index}: 0100007F:${hexadecimal} 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1\n`;
      });
      file('/proc/net/tcp', lines.join(''));
    },
    closeSockets(): void {
      for (const server of sockets) server.close();
    },
  };
}

async function runInit(global: { config: string; json: boolean }, options: InitOptions, at: () => string) {
  let printed = '';
  const print = (text: string) => {
    printed += text;
  };
  const error = await initCommand(global, options, print, placesIn(at())).then(
    () => undefined,
    (thrown: Error & { code?: string }) => thrown,
  );
  return { printed, error };
}

function clientConfig(at: (...names: string[]) => string): string {
  return [
    `base_backup_dir: ${at('spool')}\nbackup_user: root\nbackup_group: root\nadmin_email: admin@example.invalid`,
    `keep_days: 7\nhostname: lab1\nservice_dir: ${at('backup')}\nplugin_dir: ${at('root/plugins')}\nmin_free_space_mb: 1`,
    `state_dir: ${at('state')}\nlock_dir: ${at('state')}\n`,
  ].join('\n');
}

function writeProgram(file: string, script: string): void {
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
}

function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(file, text, { mode: 0o600 });
}

function textsBelow(directory: string): Record<string, string> {
  if (!existsSync(directory)) return {};
  const entries = readdirSync(directory, { recursive: true, encoding: 'utf8', withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.path, entry.name));
  return Object.fromEntries(files.sort().map((file) => [file.slice(directory.length + 1), readFileSync(file, 'utf8')]));
}
