// SPDX-License-Identifier: AGPL-3.0-or-later
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { docker } from '../../packages/client/src/plugins/docker/index.ts';
import { createDockerStandIn } from '../helpers/docker-stand-in.ts';
import { pluginContract } from './plugin.ts';

const COMPOSE = `
services:
  web: {image: "nginx:1.25", depends_on: [db], volumes: ["./html:/srv:ro"]}
  db: {image: "postgres:15", volumes: ["data:/var/lib/postgresql/data"], env_file: db.env}
  idle: {image: "busybox"}
volumes: {data: {}}
`;

/** Three services; `idle` was stopped by hand and must stay so. */
pluginContract(docker, (directory) => {
  const engine = createDockerStandIn(directory);
  const project = join(directory, 'shop');
  const at = (name: string) => join(project, name);
  mkdirSync(at('html'), { recursive: true });
  writeFileSync(at('compose.yml'), COMPOSE);
  writeFileSync(at('db.env'), 'A=1\n');
  writeFileSync(at('.env'), 'TAG=1\n');
  writeFileSync(at('html/index.html'), 'hello');
  engine.docker('compose', '-f', at('compose.yml'), 'up', '-d');
  engine.docker('compose', '-f', at('compose.yml'), 'stop', 'idle');
  const data = join(engine.volume('shop_data'), 'table');
  writeFileSync(data, 'rows');
  const read = (file: string) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return undefined;
    }
  };
  return {
    options: { compose_file: at('compose.yml'), volumes: true, pin_images: true },
    tools: engine.tools,
    stateOfHost: () => ({
      states: engine.states(),
      files: [at('compose.yml'), at('db.env'), at('.env'), at('html/index.html'), data].map(read),
    }),
    destroy: () => {
      rmSync(project, { recursive: true });
      rmSync(data);
    },
    damage: (copy) => writeFileSync(join(copy, 'docker_config', 'compose.yml'), 'services: {web: {}}'),
  };
});
