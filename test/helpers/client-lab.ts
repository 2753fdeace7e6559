// SPDX-License-Identifier: AGPL-3.0-or-later
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type ClientConfig, parseClientConfig } from '../../packages/client/src/config.ts';
import type { Plugin } from '../../packages/client/src/plugin.ts';
import { recover } from '../../packages/client/src/recover.ts';
import { runClient } from '../../packages/client/src/run-client.ts';
import { openUndoJournal } from '../../packages/client/src/undo-journal.ts';
import { parseCommonConfig } from '../../packages/common/src/config/common-config.ts';
import { toolsOf } from '../../packages/common/src/config/tools.ts';
import { createRun, createStream } from '../../packages/common/src/exec.ts';
import type { Manifest } from '../../packages/common/src/manifest.ts';
import { silentLog } from './silent-log.ts';

/** A client in a temporary directory: configuration, services, spool, state. */
export function createClientLab() {
  const root = mkdtempSync(join(tmpdir(), 'client-'));
  const at = (...names: string[]) => join(root, ...names);
  const spool = at('spool');
  mkdirSync(at('services'), { mode: 0o700 });
  mkdirSync(spool);
  const text = [
    `base_backup_dir: ${spool}`,
    'backup_user: root\nbackup_group: root\nadmin_email: admin@example.org\nkeep_days: 7',
    `hostname: lab1\nservice_dir: ${at('services')}\nstate_dir: ${at('state')}\nlock_dir: ${at('state')}`,
    'min_free_space_mb: 1\nlock_retries: 1\nlock_retry_delay: 0',
  ].join('\n');
  const config: ClientConfig = parseClientConfig(
    text,
    'client_config.yml',
    parseCommonConfig('', 'common_config', {}),
    {
      hostname: 'lab1',
      cores: 2,
      verbose: false,
    },
  );
  const scrub = (line: string) => line;
  const ioWith = (plugins: readonly Plugin[], signal = new AbortController().signal) => ({
    ...{ exec: createRun({ scrub }), stream: createStream({ scrub }), log: silentLog, signal, plugins },
    ...{ tools: toolsOf(), journal: openUndoJournal(at('state', 'undo')), now: () => new Date() },
    ...{ owner: { uid: 0, gid: 0 }, version: 'test' },
  });
  return {
    root,
    at,
    spool,
    config,
    ioWith,
    /** What `backup-client backup` does while it holds the lock. */
    async run(plugins: readonly Plugin[], wanted: readonly string[] = []) {
      const io = ioWith(plugins);
      return runClient(config, wanted, await recover({ ...io, services: [] }), io);
    },
    /** Writes `services/<type>/<name>/service.yaml`. */
    addService(path: string, yaml: string): void {
      const file = at('services', path, 'service.yaml');
      mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
      writeFileSync(file, yaml, { mode: 0o600 });
    },
    published: (): string[] => readdirSync(spool).filter((name) => name.endsWith('.tar.gz')),
    manifestOf: (archive: string): Manifest => JSON.parse(readFileSync(join(spool, `${archive}.json`), 'utf8')),
    /** A file of an archive, read by GNU tar. */
    contentOf: (archive: string, member: string): string => contentOf(join(spool, archive), member),
    undoEntries: (): string[] => namesIn(at('state', 'undo')),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function contentOf(archive: string, member: string): string {
  return execFileSync('tar', ['-xzOf', archive, member], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
