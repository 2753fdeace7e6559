// SPDX-License-Identifier: AGPL-3.0-or-later
import { isAbsolute, join } from 'node:path';
import * as z from 'zod';

/** A container of a project. */
export interface ComposeContainer {
  /** Its name for `docker exec`. */
  readonly name: string;
  /** Name of its service in the compose file. */
  readonly service: string;
  readonly image: string;
  readonly isRunning: boolean;
  /** Named volumes by name, bind mounts by path. */
  readonly mounts: readonly string[];
  /** `POSTGRES_USER`, where the image was told. */
  readonly postgresUser: string | undefined;
  /** `DOCKER_INFLUXDB_INIT_ORG`, where the image was told. */
  readonly influxOrg: string | undefined;
}

export interface ComposeProject {
  readonly name: string;
  /** Absolute paths, in their order. */
  readonly files: readonly string[];
  readonly containers: readonly ComposeContainer[];
}

const listed = z.array(z.looseObject({ Name: z.string(), ConfigFiles: z.string().default('') }));

const inspected = z.looseObject({
  Name: z.string(),
  State: z.looseObject({ Running: z.boolean().default(false) }).optional(),
  Config: z.looseObject({
    Image: z.string().default(''),
    Labels: z.record(z.string(), z.string()).nullish(),
    Env: z.array(z.string()).nullish(),
  }),
  Mounts: z
    .array(z.looseObject({ Type: z.string(), Name: z.string().optional(), Source: z.string().optional() }))
    .nullish(),
});

const PROJECT_LABELS = ['com.docker.compose.project', 'io.podman.compose.project'];
const LABEL = 'com.docker.compose';

/** What `docker compose ls --all --format json` prints; nothing where it is none of that. Pure. */
export function parseProjectList(text: string): readonly ComposeProject[] {
  const result = listed.safeParse(jsonIn(text));
  if (!result.success) return [];
  return result.data.map(({ Name, ConfigFiles }) => ({ name: Name, files: filesIn(ConfigFiles, '/'), containers: [] }));
}

/** The projects that containers belong to, by what `docker inspect` prints of each in one line. Pure. */
export function parseContainers(lines: readonly string[]): readonly ComposeProject[] {
  const projects = new Map<string, { files: readonly string[]; containers: ComposeContainer[] }>();
  for (const line of lines) {
    const { success, data } = inspected.safeParse(jsonIn(line));
    if (!success) continue;
    const labels = data.Config.Labels ?? {};
    const name = PROJECT_LABELS.map((label) => labels[label]).find((label) => label !== undefined && label !== '');
    if (name === undefined) continue;
    const directory = labels[`${LABEL}.project.working_dir`] ?? '/';
    const files = filesIn(labels[`${LABEL}.project.config_files`] ?? '', directory);
    const project = projects.get(name) ?? { files, containers: [] };
    project.containers.push(containerOf(data));
    projects.set(name, { ...project, files: project.files.length > 0 ? project.files : files });
  }
  return [...projects].map(([name, project]) => ({ name, ...project }));
}

function containerOf({ Name, State, Config, Mounts }: z.infer<typeof inspected>): ComposeContainer {
  const labels = Config.Labels ?? {};
  const variable = (name: string) => Config.Env?.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
  const mounts = (Mounts ?? []).flatMap(({ Type, Name: volume, Source }) => {
    const mount = Type === 'volume' ? volume : Source;
    return mount === undefined || (Type !== 'volume' && Type !== 'bind') ? [] : [mount];
  });
  const name = Name.replace(/^\//, '');
  const service = labels[`${LABEL}.service`] ?? name;
  const told = {
    postgresUser: variable('POSTGRES_USER') || undefined,
    influxOrg: variable('DOCKER_INFLUXDB_INIT_ORG') || undefined,
  };
  return { name, service, image: Config.Image, isRunning: State?.Running ?? false, mounts, ...told };
}

/** Both lists as one: the files of the first, the containers of the second. Pure. */
export function mergeProjects(
  projects: readonly ComposeProject[],
  withContainers: readonly ComposeProject[],
): readonly ComposeProject[] {
  const names = [...new Set([...projects, ...withContainers].map(({ name }) => name))].sort();
  return names.map((name) => {
    const [one, other] = [projects, withContainers].map((list) => list.find((project) => project.name === name));
    const files = one !== undefined && one.files.length > 0 ? one.files : (other?.files ?? []);
    return { name, files, containers: other?.containers ?? [] };
  });
}

/** `/opt/a.yml,/opt/b.yml`: a comma is in a name, too, where no path begins behind it. */
function filesIn(text: string, directory: string): readonly string[] {
  const parts = text.split(isAbsolute(text) ? /,(?=\/)/ : ',').filter((part) => part !== '');
  return parts.map((part) => (isAbsolute(part) ? part : join(directory, part)));
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
