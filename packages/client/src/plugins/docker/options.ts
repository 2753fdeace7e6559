// SPDX-License-Identifier: AGPL-3.0-or-later
import { dirname } from 'node:path';
import { absolutePath, duration } from '@local-backup/common/config/values';
import * as z from 'zod';

/** A service of a compose file. None begins with `-`: it is an argument of programs. */
const serviceName = z
  .string()
  .regex(/^[A-Za-z0-9_.][A-Za-z0-9_.-]*$/, 'must be the name of a service: letters, digits, `.`, `-`, `_`');

/** One or several. */
const paths = z.union([absolutePath, z.array(absolutePath).min(1)]);

/** A volume by its name or by the name it has in the compose file, or a directory by its path. */
const mountName = z
  .string()
  .regex(/^(?:\/[^\0\r\n]*|[A-Za-z0-9][A-Za-z0-9_.-]*)$/, 'must be the name of a volume, or an absolute path');

const wholeSeconds = z.int('must be a whole number of seconds').min(0).max(86_400);

const shape = z.strictObject({
  compose_file: paths
    .optional()
    .describe('The compose file. A list where there are several, in the order in which they are given to compose.')
    .meta({ examples: ['/opt/shop/docker-compose.yml'] }),
  docker_compose_path: paths.optional().describe('Other name of `compose_file`.'),
  project_directory: absolutePath
    .optional()
    .describe('Directory of the project. Without it the directory of the (first) compose file.'),
  project_name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9_-]*$/, 'must be a project name: lower case letters, digits, `-`, `_`')
    .optional()
    .describe('Name of the project, as in `docker compose -p`. Without it compose finds it as always.'),
  env_file: paths
    .optional()
    .describe('Given to compose as `--env-file`, in place of the `.env` of the project. Saved too.'),
  profiles: z.array(serviceName).default([]).describe('Profiles that are switched on, as in `--profile`.'),
  stop_services: z
    .union([z.boolean(), z.array(serviceName).min(1)])
    .default(true)
    .describe('Stop the project while it is read: all services that run, those in this list, or with `false` none.'),
  stop_mode: z
    .enum(['stop', 'down', 'pause'])
    .default('stop')
    .describe(
      '`stop` and `start`; `down` and `up -d`, which makes new containers; or `pause` and `unpause`: short, but what ' +
        'programs hold in memory is not in the copy.',
    ),
  stop_timeout: wholeSeconds
    .optional()
    .describe(
      'Seconds that a container gets to end by itself (`-t`). Without it what compose has: 10, or `stop_grace_period`.',
    ),
  stop_wait_seconds: wholeSeconds
    .default(15)
    .describe('Seconds after the stop within which the containers must be down. Longer is a failure of the service.'),
  wait_after_restart: wholeSeconds
    .default(0)
    .describe('Seconds after the start until which the containers must still run. The run waits so long.'),
  timeout: duration({ min: '1s' })
    .prefault('10m')
    .describe('Time limit of each call of docker. `task_timeout` of client_config.yml may be lower.'),
  backup_config: z.boolean().default(true).describe('Save the compose files, `.env` and env_files, and the labels.'),
  pin_images: z
    .boolean()
    .optional()
    .describe('Write `docker-compose.pinned.yml`, which names the images that run now by their digests. Default no.'),
  pin_images_to_digest: z.boolean().optional().describe('Other name of `pin_images`.'),
  volumes: z
    .boolean()
    .default(false)
    .describe('Save the bind mounts and named volumes of the project, read in place while it is stopped.'),
  exclude_volumes: z
    .array(mountName)
    .default([])
    .describe('With `volumes`: not these, named volumes by name, bind mounts by their path on the host.')
    .meta({ examples: [['cache', '/srv/media']] }),
  restore_pinned: z
    .boolean()
    .default(false)
    .describe(
      'A restore starts the images that were saved in `docker-compose.pinned.yml` instead of what the tags name now.',
    ),
});

type Shape = z.infer<typeof shape>;

/** Both spellings of a key, the one of the manual and the one of the code of the original. */
const SPELLINGS = [
  ['compose_file', 'docker_compose_path'],
  ['pin_images', 'pin_images_to_digest'],
] as const;

export const options = shape.superRefine((value, context) => {
  const complain = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
  for (const [key, other] of SPELLINGS) {
    if (value[key] === undefined || value[other] === undefined) continue;
    if (JSON.stringify(value[key]) !== JSON.stringify(value[other]))
      complain(other, `must not differ from \`${key}\`, which means the same: keep one of them`);
  }
  if (value.compose_file === undefined && value.docker_compose_path === undefined)
    complain('compose_file', 'must be set (or `docker_compose_path`, which means the same)');
  if (value.stop_mode === 'down' && Array.isArray(value.stop_services))
    complain(
      'stop_services',
      'must be true or false with `stop_mode: down`, which removes the containers of all services',
    );
});

export type DockerOptions = z.infer<typeof options>;

/** What the options come to. */
export interface Settings {
  readonly files: readonly string[];
  /** The key that names them in service.yaml, for messages: whoever wrote one does not look for the other. */
  readonly filesKey: 'compose_file' | 'docker_compose_path';
  readonly directory: string;
  /** Whether `directory` is not what compose takes anyway. */
  readonly isDirectoryGiven: boolean;
  readonly projectName: string | undefined;
  readonly envFiles: readonly string[];
  readonly pinImages: boolean;
  /** The key that says so in service.yaml. */
  readonly pinKey: 'pin_images' | 'pin_images_to_digest';
}

/** Both spellings as one, lists as lists. */
export function settingsOf(options: Shape): Settings {
  const files = listOf(options.compose_file ?? options.docker_compose_path);
  const own = dirname(files[0] ?? '/');
  const directory = options.project_directory ?? own;
  return {
    files,
    filesKey: options.compose_file === undefined ? 'docker_compose_path' : 'compose_file',
    directory,
    isDirectoryGiven: directory !== own,
    projectName: options.project_name,
    envFiles: listOf(options.env_file),
    pinKey: options.pin_images_to_digest === undefined ? 'pin_images' : 'pin_images_to_digest',
    pinImages: options.pin_images ?? options.pin_images_to_digest ?? false,
  };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
