// SPDX-License-Identifier: AGPL-3.0-or-later
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { stampOf } from '@local-backup/common/archive-name';

/** Directory in `state_dir` for what restores have replaced: `<stamp>-<type>-<service>/<task>`, until an admin removes it. */
export function keptRootIn(stateDir: string): string {
  return join(stateDir, 'restores');
}

/** A path that is not there yet. */
export function newKeptDirectory(stateDir: string, service: { type: string; name: string }, now: Date): string {
  const path = join(keptRootIn(stateDir), `${stampOf(now)}-${service.type}-${service.name}`);
  for (let count = 2; ; count += 1) {
    const candidate = count === 2 ? path : `${path}-${count - 1}`;
    if (!existsSync(candidate)) return candidate;
  }
}

/** What is kept, oldest first. */
export async function listKept(stateDir: string) {
  const root = keptRootIn(stateDir);
  const names = (await readdir(root).catch(() => [])).sort();
  return Promise.all(
    names.map(async (name) => {
      const tasks = await readdir(join(root, name)).catch(() => []);
      return { path: join(root, name), tasks: tasks.map(decodeURIComponent).sort() };
    }),
  );
}
