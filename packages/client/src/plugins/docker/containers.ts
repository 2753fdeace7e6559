// SPDX-License-Identifier: AGPL-3.0-or-later
import { BackupError } from '@local-backup/common/errors';
import { quoteLastLines } from '@local-backup/common/exec-failure';
import * as z from 'zod';
import type { Compose } from './compose.ts';

const mountSchema = z.object({
  type: z.string(),
  /** Of a volume. */
  name: z.string().optional(),
  /** On the host. */
  source: z.string(),
  isWritable: z.boolean(),
});

/** A container of a project; this is also how it is remembered. */
export const containerSchema = z.object({
  id: z.string(),
  name: z.string(),
  service: z.string(),
  /** As the compose file names it. */
  image: z.string(),
  imageId: z.string(),
  state: z.enum(['running', 'paused', 'stopped']),
  /** When it was started last, in the engine's words: another text, another start. */
  startedAt: z.string(),
  exitCode: z.number(),
  labels: z.record(z.string(), z.string()),
  mounts: z.array(mountSchema),
});

export type Container = z.infer<typeof containerSchema>;

/** `docker inspect` and `podman inspect` agree on these. */
const inspected = z.array(
  z.looseObject({
    Id: z.string(),
    Name: z.string(),
    Image: z.string(),
    ImageName: z.string().optional(),
    State: z.looseObject({
      Running: z.boolean().optional(),
      Paused: z.boolean().optional(),
      Status: z.string().optional(),
      StartedAt: z.string().optional(),
      ExitCode: z.number().optional(),
    }),
    Config: z.looseObject({
      Image: z.string().optional(),
      Labels: z.record(z.string(), z.string()).nullish(),
    }),
    Mounts: z
      .array(
        z.looseObject({
          Type: z.string(),
          Name: z.string().optional(),
          Source: z.string().optional(),
          RW: z.boolean().optional(),
        }),
      )
      .nullish(),
  }),
);

/** Labels that compose, docker's and podman's, puts on its containers. */
export const PROJECT_LABEL = 'com.docker.compose.project';
const SERVICE_LABEL = 'com.docker.compose.service';
const ONE_OFF_LABEL = 'com.docker.compose.oneoff';

/** What is inspected at once: one container is about 10 KB, and 1 MiB of output is kept. */
const BATCH = 40;

/** All containers of the project, also those that do not run; but not those of `compose run`. */
export async function listContainers(compose: Compose): Promise<readonly Container[]> {
  // podman-compose shows all of them anyway, and does not know `-a`.
  const listed = await compose.compose(['ps', '-a', '-q']).catch((error: unknown) => {
    return compose.compose(['ps', '-q']).catch(() => {
      throw error;
    });
  });
  return inspectContainers(compose, idsOf(listed.stdout));
}

/** The same by the project's label, for a project whose compose file is gone. */
export async function listByLabel(compose: Compose, project: string): Promise<readonly Container[]> {
  const listed = await compose.engine(['ps', '-a', '-q', '--filter', `label=${PROJECT_LABEL}=${project}`]);
  return inspectContainers(compose, idsOf(listed.stdout));
}

function idsOf(text: string): string[] {
  return [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => /^[0-9a-f]{12,64}$/.test(line));
}

/** Those of these containers that there are. */
export async function inspectContainers(compose: Compose, ids: readonly string[]): Promise<readonly Container[]> {
  const containers: Container[] = [];
  for (let start = 0; start < ids.length; start += BATCH) {
    const batch = ids.slice(start, start + BATCH);
    containers.push(...parseContainers(await inspectThere(compose, ['inspect', '--type', 'container', ...batch])));
  }
  return containers;
}

/** How docker and podman say that there is none of that name. */
const NOT_THERE = /no such (?:container|object|volume|image)|image not known/i;

/**
 * What `inspect` prints of those that there are. One that is gone makes it fail as a docker that does not answer does,
 * which prints an empty list, too: only the message tells.
 * @throws BackupError `failed` where it has failed for any other reason
 */
export async function inspectThere(compose: Compose, args: readonly string[]): Promise<string> {
  // 1 of docker, 125 of podman: one of them is gone; the others are printed all the same.
  const { exitCode, stdout, stderr } = await compose.engine(args, { accept: [0, 1, 125] });
  if (exitCode === 0 || NOT_THERE.test(stderr)) return stdout;
  // Secrets are removed by the log.
  const said = quoteLastLines(stderr, (text) => text);
  throw new BackupError('failed', `\`${compose.engineLine(args)}\` failed with exit code ${exitCode}.${said}`);
}

/** @throws BackupError `failed` where this is not what an engine prints */
function parseContainers(text: string): Container[] {
  if (text.trim() === '') return [];
  return parseInspected(text, inspected, 'inspect')
    .filter(({ Config }) => Config.Labels?.[ONE_OFF_LABEL]?.toLowerCase() !== 'true')
    .map((found) => ({
      id: found.Id,
      name: found.Name.replace(/^\//, ''),
      service: found.Config.Labels?.[SERVICE_LABEL] ?? '',
      image: found.Config.Image ?? found.ImageName ?? '',
      imageId: found.Image,
      state: stateOf(found.State),
      startedAt: found.State.StartedAt ?? '',
      exitCode: found.State.ExitCode ?? 0,
      labels: found.Config.Labels ?? {},
      mounts: (found.Mounts ?? []).map(({ Type, Name, Source, RW }) => ({
        type: Type,
        ...(Name === undefined || Name === '' ? {} : { name: Name }),
        source: Source ?? '',
        isWritable: RW ?? true,
      })),
    }));
}

function stateOf({ Running, Paused, Status }: z.infer<typeof inspected>[number]['State']): Container['state'] {
  if (Paused === true || Status === 'paused') return 'paused';
  return Running === true || Status === 'running' || Status === 'restarting' ? 'running' : 'stopped';
}

/** @throws BackupError `failed` where an engine prints something else than it should */
export function parseInspected<Value>(text: string, schema: z.ZodType<Value>, command: string): Value {
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new BackupError(
      'failed',
      `\`${command}\` of the container engine does not print what it should: is it docker or podman?`,
      {
        cause: error,
      },
    );
  }
}
