// SPDX-License-Identifier: AGPL-3.0-or-later
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { recover } from '../../packages/client/src/recover.ts';
import { openUndoJournal } from '../../packages/client/src/undo-journal.ts';
import { bundle } from '../helpers/bundle.ts';
import { createClientLab } from '../helpers/client-lab.ts';
import { createDockerLab } from '../helpers/docker-stand-in-lab.ts';

const COMPOSE = `
services:
  web: {image: "nginx:1.25", depends_on: [db, cache]}
  db: {image: "postgres:15"}
  cache: {image: "redis:7"}
`;

it('kill -9 of a run after each call of docker: recover brings back the two of three services that ran', async () => {
  const lab = createDockerLab(COMPOSE);
  const client = createClientLab();
  const path = process.env.PATH;
  process.env.PATH = `${lab.engine.bin}:${path}`;
  try {
    lab.compose('stop', 'cache');
    const before = lab.engine.states();
    const program = lab.at('child.mjs');
    await bundle("import './test/fixtures/docker-child.ts';", program);
    /** Each run has a directory of its own. */
    const runChild = (after: number) => {
      const directory = lab.at(`run-${after}`);
      mkdirSync(directory);
      const env = { ...process.env, TMPDIR: directory, KILL_AFTER: String(after) };
      const ended = spawnSync(process.execPath, [program, lab.file], { env, encoding: 'utf8' });
      const [root = ''] = readdirSync(directory);
      return { ...ended, journal: openUndoJournal(join(directory, root, 'state', 'undo')) };
    };
    const earlier = lab.engine.calls().length;
    const whole = runChild(0);
    expect(whole.stderr).toBe('');
    expect(lab.engine.states()).toEqual(before);
    // Before that nothing has happened to the project.
    const first = lab.engine
      .calls()
      .slice(earlier)
      .findIndex((call) => call.includes(' stop '));
    expect(first).toBeGreaterThan(0);
    let stopped = 0;
    for (let after = first; after <= Number(whole.stdout); after += 1) {
      const killed = runChild(after);
      expect(killed.signal).toBe('SIGKILL');
      if (lab.engine.states().db !== 'running') stopped += 1;
      const { failed } = await recover({ ...client.ioWith([docker]), journal: killed.journal, services: [] });
      expect(failed).toEqual([]);
      expect(lab.engine.states(), `after call ${after}`).toEqual(before);
    }
    expect(stopped).toBeGreaterThan(3);
  } finally {
    process.env.PATH = path;
    client.remove();
    lab.remove();
  }
});
