// SPDX-License-Identifier: AGPL-3.0-or-later
import type { ComposeFacts } from '../looks/compose.ts';
import type { ComposeContainer, ComposeProject } from '../looks/compose-projects.ts';
import { type Proposal, serviceNameOf } from '../proposal.ts';
import { subjectsOf } from '../subjects.ts';
import { containerDatabase, type DatabaseProposal } from './container-database.ts';

/** A service for each project, and one for each database in its containers. Pure. */
export function proposeCompose({ projects, answered }: ComposeFacts): readonly Proposal[] {
  return projects.flatMap((project) => {
    const databases = project.containers.flatMap((container) => {
      const found = container.isRunning ? containerDatabase(project.name, container) : undefined;
      return found === undefined ? [] : [found];
    });
    const distinct = databases.filter(({ service }, index) => {
      return databases.findIndex((other) => other.service === service) === index;
    });
    return [projectProposal(project, distinct, answered), ...distinct.map(({ proposal }) => proposal)];
  });
}

function projectProposal(project: ComposeProject, databases: readonly DatabaseProposal[], answered: boolean): Proposal {
  const whole: Proposal = {
    type: 'docker',
    name: serviceNameOf(project.name),
    why: answered ? evidence(project) : 'a compose file; no container engine answered, so it may not be in use',
    saves: 'Saves the compose file, .env and what they name, and the content of volumes and bind mounts.',
    decide: [
      'Containers that run are stopped while their volumes are read, and started again. Where they may not be stopped: ' +
        '`stop_services: false`, and volumes are read while programs write to them.',
      'What need not be saved (caches, media that is elsewhere) goes into `exclude_volumes`.',
    ],
    tasks: [{ key: 'docker', options: projectOptions(project), hints: HINTS }],
  };
  if (databases.length === 0) return whole;
  const isDatabase = ({ service }: ComposeContainer) => databases.some((database) => database.service === service);
  const others = project.containers.filter((container) => !isDatabase(container));
  const running = [...new Set(others.filter(({ isRunning }) => isRunning).map(({ service }) => service))].sort();
  const excluded = project.containers.filter(isDatabase).flatMap(({ mounts }) => mounts);
  const own = [...new Set(excluded)].filter((mount) => !others.some(({ mounts }) => mounts.includes(mount))).sort();
  const names = databases.map(({ service }) => service).join(', ');
  const options = {
    ...projectOptions(project),
    stop_services: running.length === 0 ? false : running,
    ...(own.length === 0 ? {} : { exclude_volumes: own }),
  };
  const task = { key: 'docker', options, hints: HINTS };
  return {
    ...whole,
    decide: [
      `The database (${names}) keeps running: a service of its own dumps it, and its volume is left out here.` +
        ' `stop_services` names all others that run now: add those that come later.',
      ...whole.decide,
    ],
    tasks: [task],
    otherwise: {
      unlessSaved: databases.flatMap(({ proposal }) => {
        return proposal.tasks.flatMap(({ key, options: block }) => subjectsOf(key, block));
      }),
      instead: whole,
    },
  };
}

const HINTS = [
  'pin_images: true        # write the images that run now, by digest, so that a restore gets the same',
  'wait_after_restart: 30  # seconds after which the containers must still run',
];

function projectOptions({ name, files }: ComposeProject) {
  const [first = '', ...more] = files;
  const directory = first.split('/').at(-2) ?? '';
  // What compose would call it by itself (compose specification: the directory's name, lower case, other letters left out).
  const usual = directory.toLowerCase().replace(/[^a-z0-9_-]/g, '');
  const isNameable = /^[a-z0-9][a-z0-9_-]*$/.test(name) && name !== usual;
  return {
    compose_file: more.length === 0 ? first : files,
    ...(isNameable ? { project_name: name } : {}),
    volumes: true,
  };
}

function evidence({ name, containers }: ComposeProject): string {
  const running = containers.filter(({ isRunning }) => isRunning).length;
  const count = containers.length === 1 ? '1 container' : `${containers.length} containers`;
  return `compose project ${name}: ${count}, ${running} running`;
}
