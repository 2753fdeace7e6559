// SPDX-License-Identifier: AGPL-3.0-or-later
import type { Tools } from '@local-backup/common/config/tools';
import * as z from 'zod';

/** The `container` key of plugins whose service may run in one. */
export const container = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'must be the name or id of a container')
  .optional()
  .describe(
    'Container that the service runs in: its programs are started there, by `docker exec`, or `podman exec` where ' +
      '`docker_cmd` says so.',
  )
  .meta({ examples: ['shop-db-1'] });

/** A program and its arguments. */
export interface Words {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * A command as it is started: inside the container where there is one. What it needs in its environment is named there,
 * its value handed over through the environment of this side: nothing secret is among the arguments.
 * @param names of environment variables that are handed over
 */
export function inContainer(
  { program, args }: Words,
  name: string | undefined,
  { tools, names = [] }: { readonly tools: Tools; readonly names?: readonly string[] },
): Words {
  if (name === undefined) return { program, args };
  const handed = names.flatMap((variable) => ['--env', variable]);
  return { program: containerEngine(tools), args: ['exec', '-i', ...handed, name, program, ...args] };
}

/**
 * `docker` or `podman`: the first word of `docker_cmd`, which is `docker compose`, or the name that `docker-compose` and
 * `podman-compose` begin with.
 */
export function containerEngine(tools: Tools): string {
  const [program = 'docker'] = tools.docker;
  return /(?:^|\/)(docker|podman)-compose$/.exec(program)?.[1] ?? program;
}
