// SPDX-License-Identifier: AGPL-3.0-or-later
import { basename, dirname, join } from 'node:path';
import { showControls } from '@local-backup/common/byte-path';
import { describeError } from '@local-backup/common/errors';
import { containerEngine } from '../../plugin-tools/container.ts';
import type { HostView } from '../host-view.ts';
import { type ComposeProject, mergeProjects, parseContainers, parseProjectList } from './compose-projects.ts';

/** What is known of compose projects. */
export interface ComposeFacts {
  readonly projects: readonly ComposeProject[];
  /** False: the projects are compose files that were found, nobody knows whether they are in use. */
  readonly answered: boolean;
  readonly notes: readonly string[];
}

/** An engine that takes longer is not going to answer, in milliseconds. */
const ENGINE_TIMEOUT_MS = 15_000;

/** The names that compose itself looks for (compose specification). */
const FILE_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

/**
 * Asks the engine for its projects, by both of its ways: `compose ls` knows the files, `inspect` what the containers are.
 * Where none answers, compose files are looked for at the usual places.
 */
export async function lookForCompose(view: HostView): Promise<ComposeFacts> {
  const { words, note } = await composeCommand(view);
  if (words === undefined) return { projects: await findComposeFiles(view), answered: false, notes: [] };
  const engine = containerEngine({ ...view.tools, docker: words });
  const problems: string[] = [];
  const attempt = async <Found>(work: Promise<Found>): Promise<Found | undefined> => {
    return work.catch((error: unknown) => {
      view.signal.throwIfAborted();
      problems.push(describeError(error));
      return undefined;
    });
  };
  const [listed, containers] = await Promise.all([
    attempt(listProjects(view, words)),
    attempt(inspectContainers(view, engine)),
  ]);
  if (listed === undefined && containers === undefined) {
    const found = await findComposeFiles(view);
    const more = found.length === 0 ? '' : ' The compose files that were found are proposed.';
    const why = showControls((problems[0] ?? 'no reason is known').split('\n').slice(0, 2).join(' '));
    return { projects: found, answered: false, notes: [`${engine} does not answer (${why}).${more}`] };
  }
  const projects = mergeProjects(listed ?? [], containers ?? []);
  const there = await Promise.all(projects.map((project) => areFilesThere(view, project)));
  const lost = projects.filter((_, index) => !there[index]);
  return {
    projects: projects.filter((_, index) => there[index]),
    answered: true,
    notes: [...note, ...lost.map(lostNote)],
  };
}

/** `docker_cmd` where that program is there; else podman. */
async function composeCommand(view: HostView): Promise<{ words: readonly string[] | undefined; note: string[] }> {
  const { docker } = view.tools;
  if ((await view.findProgram(docker[0] ?? 'docker')) !== undefined) return { words: docker, note: [] };
  if ((await view.findProgram('podman')) === undefined) return { words: undefined, note: [] };
  const note = 'Containers are run by podman: write `tools: {docker_cmd: podman compose}` into client_config.yml.';
  return { words: ['podman', 'compose'], note: [note] };
}

async function listProjects(view: HostView, [program = '', ...words]: readonly string[]) {
  const { stdout } = await view.exec(program, [...words, 'ls', '--all', '--format', 'json'], {
    timeoutMs: ENGINE_TIMEOUT_MS,
  });
  return parseProjectList(stdout);
}

async function inspectContainers(view: HostView, engine: string) {
  const options = { timeoutMs: ENGINE_TIMEOUT_MS };
  const ids: string[] = [];
  const onId = (line: string) => void (/^[0-9a-f]{12,64}$/.test(line) && ids.push(line));
  await view.exec(engine, ['ps', '--all', '--quiet', '--no-trunc'], { ...options, onLine: onId });
  if (ids.length === 0) return [];
  const lines: string[] = [];
  const onLine = (line: string) => void lines.push(line);
  // 1: one of them is gone by now.
  const words = ['inspect', '--type', 'container', '--format', '{{json .}}', ...ids.slice(0, MOST_CONTAINERS)];
  await view.exec(engine, words, { ...options, onLine, accept: [0, 1] });
  return parseContainers(lines);
}

const MOST_CONTAINERS = 1_000;

async function areFilesThere(view: HostView, { files }: ComposeProject): Promise<boolean> {
  const there = await Promise.all(files.map((file) => view.isFile(file)));
  return files.length > 0 && there.every(Boolean);
}

function lostNote({ name, files }: ComposeProject): string {
  const which = files.length === 0 ? 'no file of it is known' : `${files.map(showControls).join(', ')} is not there`;
  return `The compose project ${showControls(name)} is not proposed: ${which}. Its volumes are saved by nobody.`;
}

/** Compose files in /opt, /srv, /root, the homes, and the directories directly in these. */
async function findComposeFiles(view: HostView): Promise<readonly ComposeProject[]> {
  const homes = (await view.list('/home')).filter((entry) => entry.isDirectory()).map(({ name }) => `/home/${name}`);
  const projects: ComposeProject[] = [];
  for (const place of ['/opt', '/srv', '/root', ...homes]) {
    const below = (await view.list(place)).filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'));
    for (const directory of [place, ...below.map(({ name }) => join(place, name))]) {
      const file = await composeFileIn(view, directory);
      if (file !== undefined) projects.push({ name: basename(dirname(file)), files: [file], containers: [] });
    }
  }
  return projects;
}

async function composeFileIn(view: HostView, directory: string): Promise<string | undefined> {
  for (const name of FILE_NAMES) {
    const file = join(directory, name);
    if (await view.isFile(file)) return file;
  }
  return undefined;
}
