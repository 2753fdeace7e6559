// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Memo } from '../../packages/client/src/plugin.ts';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import type { Run } from '../../packages/common/src/exec.ts';
import { createDockerStandIn } from './docker-stand-in.ts';
import { pluginContext, restoreContext } from './plugin-context.ts';

interface Given {
  readonly memo?: Memo;
  readonly exec?: Run;
  readonly tools?: Record<string, string>;
}

/**
 * A compose project `shop` that runs on a stand-in, and the contexts of a task that saves it.
 * @param furnish puts more files there before the project is started
 */
export function createDockerLab(composeYaml: string, furnish: (root: string) => void = () => undefined) {
  const root = mkdtempSync(join(tmpdir(), 'docker-'));
  const engine = createDockerStandIn(root);
  const at = (...names: string[]) => join(root, ...names);
  for (const name of ['shop', 'stage', 'copy', 'scratch', 'kept']) mkdirSync(at(name), { mode: 0o700 });
  const file = at('shop', 'compose.yml');
  writeFileSync(file, composeYaml);
  furnish(root);
  const compose = (...words: string[]) => engine.docker('compose', '-f', file, ...words);
  compose('up', '-d');
  return {
    root,
    at,
    engine,
    file,
    /** As an admin would. */
    compose,
    contextOf: (options: object = {}, given: Given = {}) =>
      pluginContext(docker, {
        ...{ options: { compose_file: file, ...options }, tools: engine.tools, stage: at('stage'), ...given },
      }),
    restoreOf: (options: object = {}, given: Given & { facts?: Record<string, string>; as?: string } = {}) =>
      restoreContext(docker, {
        ...{ options: { compose_file: file, ...options }, tools: engine.tools, copy: at('copy') },
        ...{ scratch: at('scratch'), kept: at('kept'), ...given },
      }),
    remove: () => rmSync(root, { recursive: true, force: true }),
  };
}
