// SPDX-License-Identifier: AGPL-3.0-or-later
'use strict';
/*
 * Stands for `docker`, `podman`, `docker-compose` and `podman-compose`, by the name it is called by, where no engine can
 * run. Containers, volumes and images are kept in a directory; volumes are real directories. It takes the arguments that
 * the real programs take (docs.docker.com/reference/cli, podman-compose 1.0) and refuses others. One call at a time: see
 * stand-in-server.cjs.
 */
const fs = require('node:fs');
const path = require('node:path');
const crypto = require('node:crypto');
const { createRequire } = require('node:module');

const yaml = createRequire(path.join(__dirname, '../../packages/common/package.json'))('yaml');

const HANGS = new Error('hangs');

let call;
let state;
let printed;
let isPodmanCompose;
let isPodman;

module.exports = (request) => {
  call = request;
  printed = '';
  isPodmanCompose = call.program === 'podman-compose';
  isPodman = call.program.startsWith('podman');
  state = JSON.parse(fs.readFileSync(path.join(call.home, 'state.json'), 'utf8'));
  const { program, words, cwd } = call;
  fs.appendFileSync(path.join(call.home, 'calls'), `${JSON.stringify({ program, words, cwd })}\n`);
  try {
    endLate();
    const isCompose = program.endsWith('-compose') || words[0] === 'compose';
    if (isCompose) compose(program.endsWith('-compose') ? words : words.slice(1));
    else engine(words);
    return { code: 0, stdout: printed, stderr: '' };
  } catch (error) {
    if (error === HANGS) return undefined;
    if (error.code === undefined || error.said === undefined) throw error;
    return { code: error.code, stdout: printed, stderr: `${error.said}\n` };
  }
};

function print(text) {
  printed += `${text}\n`;
}

function fail(said, code = 1) {
  throw Object.assign(new Error(said), { said, code });
}

function save() {
  const file = path.join(call.home, 'state.json');
  fs.writeFileSync(`${file}.new`, JSON.stringify(state));
  fs.renameSync(`${file}.new`, file);
}

/** What the engine was told to stop by a program that was killed: it does so a few calls later. */
function endLate() {
  if (state.late === undefined) return;
  state.late.calls -= 1;
  if (state.late.calls <= 0) {
    for (const container of state.containers) if (state.late.starts[container.id] === container.starts) stop(container);
    delete state.late;
  }
  save();
}

/** Options of a command; a value of 1 takes a word. */
function parse(args, known) {
  const found = {};
  const rest = [];
  for (let index = 0; index < args.length; index += 1) {
    const word = args[index];
    if (!word.startsWith('-')) rest.push(word);
    else if (!(word in known)) fail(`unknown flag: ${word}`, isPodmanCompose ? 2 : 125);
    else if (known[word] === 1) {
      index += 1;
      found[word] = [...(found[word] ?? []), args[index]];
    } else found[word] = true;
  }
  return { found, rest };
}

/** Faults: `{ match, mode, times }`; the words must begin with those of `match`, global options left out. */
function applyFaults(verbs) {
  const line = verbs.join(' ');
  const fault = (state.faults ?? []).find(({ match, times }) => times > 0 && line.startsWith(match));
  if (fault === undefined) return undefined;
  fault.times -= 1;
  save();
  if (fault.mode === 'late') {
    state.late = { calls: 8, starts: Object.fromEntries(state.containers.map(({ id, starts }) => [id, starts])) };
    save();
    fail('killed');
  }
  if (fault.mode === 'fail') fail(fault.message ?? `Error response from daemon: driver failed (${line})`);
  if (fault.mode === 'hang') throw HANGS;
  return fault.mode;
}

// ---- engine -------------------------------------------------------------------------------------------------------

function engine(args) {
  const isPair = ['volume', 'image'].includes(args[0]);
  const verb = args.slice(0, isPair ? 2 : 1).join(' ');
  const fault = applyFaults([verb, ...args.slice(isPair ? 2 : 1)]);
  if (fault === 'lie') return;
  const own = args.slice(isPair ? 2 : 1);
  const commands = {
    ps: enginePs,
    inspect: engineInspect,
    start: (ids) => each(ids, {}, start),
    unpause: (ids) => each(ids, {}, unpause),
    stop: (ids) => each(ids, { '-t': 1 }, stop),
    'volume inspect': volumeInspect,
    'volume create': volumeCreate,
    'image inspect': imageInspect,
  };
  if (commands[verb] === undefined) fail(`docker: '${verb}' is not a docker command.`, 1);
  commands[verb](own);
  save();
}

function enginePs(args) {
  const { found } = parse(args, { '-a': 0, '-q': 0, '--filter': 1 });
  if (!found['-q']) fail('the stand-in prints ids only');
  const shown = state.containers.filter((container) => {
    if (!found['-a'] && !['running', 'paused'].includes(container.state)) return false;
    return (found['--filter'] ?? []).every((filter) => {
      const [, kind, name, value] = /^(label|volume)=([^=]*)(?:=(.*))?$/.exec(filter) ?? fail(`invalid filter '${filter}'`, 125);
      if (kind === 'volume') return container.mounts.some((mount) => mount.Name === name);
      return container.labels[name] === value;
    });
  });
  for (const { id } of shown) print(id.slice(0, 12));
}

function byId(id) {
  return state.containers.find((container) => container.id.startsWith(id) || container.name === id);
}

function each(args, known, act) {
  const { rest } = parse(args, known);
  if (rest.length === 0) fail('requires at least 1 argument.');
  for (const id of rest) {
    const container = byId(id);
    if (container === undefined) fail(`Error response from daemon: No such container: ${id}`, isPodman ? 125 : 1);
    act(container);
  }
}

function engineInspect(args) {
  const { found, rest } = parse(args, { '--type': 1 });
  if (found['--type']?.[0] !== 'container') fail('the stand-in inspects containers only');
  const there = rest.map(byId).filter((container) => container !== undefined);
  print(JSON.stringify(there.map(inspected)));
  if (there.length < rest.length) {
    save();
    fail('Error: No such container', isPodman ? 125 : 1);
  }
}

function inspected(container) {
  const running = container.state === 'running' || container.state === 'paused';
  const image = state.images[container.image];
  return {
    Id: container.id,
    Name: isPodman ? container.name : `/${container.name}`,
    Image: isPodman ? image.Id.replace('sha256:', '') : image.Id,
    ...(isPodman ? { ImageName: container.image } : {}),
    State: {
      Status: container.state,
      Running: isPodman ? container.state === 'running' : running,
      Paused: container.state === 'paused',
      StartedAt: `2026-01-01T00:00:${String(container.starts).padStart(2, '0')}Z`,
      ExitCode: container.exitCode,
      ...container.fares?.State,
    },
    RestartCount: container.fares?.RestartCount ?? 0,
    Config: { Image: container.image, Labels: container.labels, Healthcheck: container.fares?.Healthcheck },
    Mounts: container.mounts,
  };
}

function volumeInspect(args) {
  const { rest } = parse(args, {});
  const there = rest.filter((name) => state.volumes[name] !== undefined);
  print(
    JSON.stringify(
      there.map((Name) => ({
        Name,
        Driver: state.volumes[Name].driver ?? 'local',
        Mountpoint: mountpoint(Name),
        Labels: state.volumes[Name].labels ?? {},
        Options: state.volumes[Name].options ?? null,
        Scope: 'local',
      })),
    ),
  );
  if (there.length < rest.length) fail('Error: no such volume', isPodman ? 125 : 1);
}

function volumeCreate(args) {
  const { found, rest } = parse(args, { '--label': 1, '--driver': 1 });
  const labels = Object.fromEntries((found['--label'] ?? []).map((label) => label.split(/=(.*)/s).slice(0, 2)));
  if (rest.length !== 1) fail('requires at most 1 argument.');
  createVolume(rest[0], labels);
  print(rest[0]);
}

function mountpoint(name) {
  return path.join(call.home, 'volumes', name, '_data');
}

function createVolume(name, labels) {
  state.volumes[name] ??= { labels };
  fs.mkdirSync(mountpoint(name), { recursive: true });
}

function imageInspect(args) {
  const { rest } = parse(args, {});
  const there = Object.values(state.images).filter(({ Id }) => rest.some((name) => Id.replace('sha256:', '') === name.replace('sha256:', '')));
  print(JSON.stringify(there));
  if (there.length < rest.length) fail('Error: No such image', isPodman ? 125 : 1);
}

// ---- containers ---------------------------------------------------------------------------------------------------

function start(container) {
  for (const { Type, Source } of container.mounts) {
    if (Type === 'bind' && !fs.existsSync(Source)) fail(`invalid mount config for type "bind": ${Source}: no such file or directory`);
  }
  if (container.state === 'paused') fail(`cannot start a paused container, try unpause instead`);
  if (container.state === 'running') return;
  // `--requires` of podman-compose.
  if (isPodman && state.isRequiring) for (const other of requiredBy(container)) start(other);
  container.starts += 1;
  container.state = state.endsAtOnce?.includes(container.service) ? 'exited' : 'running';
  container.exitCode = 0;
}

function requiredBy({ needs, labels }) {
  const project = labels['com.docker.compose.project'];
  return state.containers.filter((one) => needs.includes(one.service) && one.labels['com.docker.compose.project'] === project);
}

function stop(container) {
  if (container.state === 'running' && !state.stubborn?.includes(container.service)) {
    container.state = 'exited';
    container.exitCode = 0;
  }
}

function unpause(container) {
  if (container.state !== 'paused') fail(`Container ${container.id} is not paused`);
  container.state = 'running';
}

// ---- compose ------------------------------------------------------------------------------------------------------

function compose(args) {
  const takesValue = ['-f', '-p', '--env-file', '--profile', ...(isPodmanCompose ? [] : ['--project-directory'])];
  const globals = {};
  let index = 0;
  while (args[index]?.startsWith('-')) {
    if (!takesValue.includes(args[index])) fail(`unknown flag: ${args[index]}`, isPodmanCompose ? 2 : 16);
    globals[args[index]] = [...(globals[args[index]] ?? []), args[index + 1]];
    index += 2;
  }
  const [verb, ...rest] = args.slice(index);
  const fault = applyFaults([`compose ${verb}`, ...rest]);
  if (fault === 'lie') return;
  const project = readProject(globals);
  const verbs = { config, ps, stop: stopServices, start: startServices, down, up, pause, unpause: unpauseServices };
  if (verbs[verb] === undefined) fail(`unknown docker command: "compose ${verb}"`);
  verbs[verb](project, rest);
  save();
}

function readProject(globals) {
  const files = globals['-f'] ?? fail('the stand-in wants -f');
  const merged = { services: {}, volumes: {} };
  for (const file of files) {
    if (!fs.existsSync(file)) fail(`open ${file}: no such file or directory`, 14);
    const text = fs.readFileSync(file, 'utf8');
    let part;
    try {
      part = yaml.parse(text, { merge: true }) ?? {};
    } catch (error) {
      fail(`yaml: ${error.message}`, 15);
    }
    if (part.name !== undefined) merged.name = part.name;
    for (const [name, service] of Object.entries(part.services ?? {})) merged.services[name] = { ...merged.services[name], ...service };
    Object.assign(merged.volumes, part.volumes ?? {});
  }
  const directory = globals['--project-directory']?.[0] ?? path.dirname(files[0]);
  const name = globals['-p']?.[0] ?? merged.name ?? nameInEnv(directory) ?? path.basename(directory).toLowerCase().replace(/[^-_a-z0-9]/g, '');
  return { ...merged, name, directory, files };
}

function nameInEnv(directory) {
  const file = path.join(directory, '.env');
  return fs.existsSync(file) ? /^COMPOSE_PROJECT_NAME=(.*)$/m.exec(fs.readFileSync(file, 'utf8'))?.[1] : undefined;
}

function config(project, args) {
  const { found } = parse(args, isPodmanCompose ? {} : { '--format': 1 });
  const { name, services, volumes } = project;
  if (isPodmanCompose && state.isOldPodman)
    fail("podman-compose: error: argument command: invalid choice: 'config' (choose from 'up', 'down', 'ps')", 2);
  if (isPodmanCompose) {
    print(yaml.stringify({ services, volumes }));
    return;
  }
  if (found['--format']?.[0] !== 'json') fail('the stand-in prints json only');
  const full = Object.entries(services).map(([key, service]) => {
    const depends = Object.fromEntries(dependsOn(service).map((other) => [other, { condition: 'service_started', required: true }]));
    return [key, { ...service, ...(Object.keys(depends).length > 0 ? { depends_on: depends } : {}) }];
  });
  const named = Object.entries(volumes).map(([key, volume]) => [key, { name: `${name}_${key}`, ...(volume ?? {}) }]);
  print(JSON.stringify({ name, services: Object.fromEntries(full), volumes: Object.fromEntries(named) }, null, 2));
}

function ps(project, args) {
  const { found } = parse(args, isPodmanCompose ? { '-q': 0 } : { '-a': 0, '-q': 0 });
  if (!found['-q']) fail('the stand-in prints ids only');
  for (const { id, state: now } of ofProject(project)) if (isPodmanCompose || found['-a'] || now === 'running') print(id);
}

function ofProject({ name }) {
  return state.containers.filter((container) => container.labels['com.docker.compose.project'] === name);
}

function ofService(project, service) {
  return ofProject(project).filter((container) => container.service === service && !container.oneOff);
}

function dependsOn(service) {
  const { depends_on: needs = [] } = service;
  return Array.isArray(needs) ? needs : Object.keys(needs);
}

/** With what they depend on, dependencies first. */
function withDependencies(project, names) {
  const ordered = [];
  const visit = (name) => {
    if (project.services[name] === undefined) fail(`no such service: ${name}`);
    if (ordered.includes(name)) return;
    for (const other of dependsOn(project.services[name])) visit(other);
    ordered.push(name);
  };
  for (const name of names) visit(name);
  return ordered;
}

function chosen(project, rest) {
  for (const name of rest) if (project.services[name] === undefined) fail(`no such service: ${name}`);
  return rest.length > 0 ? rest : Object.keys(project.services);
}

function note(verb, container) {
  fs.appendFileSync(path.join(call.home, 'acts'), `${verb} ${container.service}\n`);
}

function stopServices(project, args) {
  const names = chosen(project, parse(args, { '-t': 1 }).rest);
  // podman-compose turns round what it is given, and knows nothing of dependencies.
  const order = (isPodmanCompose ? [...names] : withDependencies(project, Object.keys(project.services))).reverse();
  for (const name of order.filter((service) => names.includes(service))) {
    for (const container of ofService(project, name)) {
      if (container.state === 'running') note('stop', container);
      stop(container);
    }
  }
}

/** The real one starts what they depend on, too. */
function startServices(project, args) {
  const names = withDependencies(project, chosen(project, parse(args, {}).rest));
  for (const name of names) {
    const containers = ofService(project, name);
    if (containers.length === 0) fail(`service "${name}" has no container to start`);
    for (const container of containers) {
      if (container.state !== 'running') note('start', container);
      start(container);
    }
  }
}

function down(project, args) {
  parse(args, { '-t': 1 });
  const gone = ofProject(project);
  for (const container of gone) note('remove', container);
  state.containers = state.containers.filter((container) => !gone.includes(container));
}

function up(project, args) {
  const { found, rest } = parse(args, { '-d': 0, '--no-build': 0, '--no-recreate': 0, '--no-deps': 0, '--scale': 1 });
  if (!found['-d']) fail('the stand-in runs in the background only');
  const scale = Object.fromEntries((found['--scale'] ?? []).map((text) => text.split('=')));
  const names = chosen(project, rest);
  for (const name of found['--no-deps'] && !(isPodmanCompose && state.isRequiring) ? names : withDependencies(project, names)) {
    if (!found['--no-recreate']) recreate(project, name);
    const wanted = Number(scale[name] ?? project.services[name].scale ?? 1);
    for (let number = ofService(project, name).length + 1; number <= wanted; number += 1) create(project, name, number);
    for (const container of ofService(project, name).slice(0, wanted)) {
      if (container.state !== 'running') note('start', container);
      start(container);
    }
  }
}

/** Containers whose image is another one now are made again. */
function recreate(project, service) {
  const image = project.services[service].image ?? service;
  state.containers = state.containers.filter(
    (container) => !ofService(project, service).includes(container) || container.image === image,
  );
}

function create(project, service, number) {
  const { image = service, labels = {}, volumes = [], container_name } = project.services[service];
  state.images[image] ??= newImage(image);
  state.containers.push({
    id: crypto.randomBytes(32).toString('hex'),
    name: container_name ?? `${project.name}-${service}-${number}`,
    service,
    needs: dependsOn(project.services[service]),
    image,
    state: 'created',
    starts: 0,
    exitCode: 0,
    mounts: volumes.map((volume) => mountOf(project, volume)),
    labels: {
      ...labels,
      'com.docker.compose.project': project.name,
      'com.docker.compose.service': service,
      'com.docker.compose.oneoff': 'False',
      'com.docker.compose.container-number': String(number),
    },
  });
}

function newImage(image) {
  const digest = crypto.createHash('sha256').update(image).digest('hex');
  const repository = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const isLocal = image.startsWith('local/') || image.startsWith('sha256:');
  return { Id: `sha256:${digest.split('').reverse().join('')}`, RepoDigests: isLocal ? [] : [`${repository}@sha256:${digest}`] };
}

function mountOf(project, text) {
  const [source, destination, mode] = text.split(':');
  if (destination === undefined) {
    const name = crypto.randomBytes(32).toString('hex');
    createVolume(name, {});
    return { Type: 'volume', Name: name, Source: mountpoint(name), Destination: source, RW: true };
  }
  if (/^[./]/.test(source)) {
    // The short syntax has missing directories made.
    fs.mkdirSync(path.dirname(path.resolve(project.directory, source)), { recursive: true });
    if (!fs.existsSync(path.resolve(project.directory, source))) fs.mkdirSync(path.resolve(project.directory, source));
    return { Type: 'bind', Source: path.resolve(project.directory, source), Destination: destination, RW: mode !== 'ro' };
  }
  const name = project.volumes[source]?.name ?? `${project.name}_${source}`;
  createVolume(name, { 'com.docker.compose.project': project.name, 'com.docker.compose.volume': source });
  return { Type: 'volume', Name: name, Source: mountpoint(name), Destination: destination, RW: mode !== 'ro' };
}

function pause(project, args) {
  for (const name of chosen(project, parse(args, {}).rest)) {
    for (const container of ofService(project, name)) {
      if (container.state === 'paused') fail(`Container ${container.id} is already paused`);
      if (container.state !== 'running') continue;
      container.state = 'paused';
      note('pause', container);
    }
  }
}

function unpauseServices(project, args) {
  for (const name of chosen(project, parse(args, {}).rest)) {
    for (const container of ofService(project, name)) {
      if (container.state !== 'paused') continue;
      unpause(container);
      note('unpause', container);
    }
  }
}
