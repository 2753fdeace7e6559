// SPDX-License-Identifier: AGPL-3.0-or-later
'use strict';
/*
 * Stands for systemctl(1) where systemd is not PID 1. Units are in `state.json`, unit files in a real directory. It takes
 * the arguments that the real one takes, as far as they are used, and refuses others.
 */
const fs = require('node:fs');
const path = require('node:path');

const home = '@HOME@';
const stateFile = path.join(home, 'state.json');
const state = JSON.parse(fs.readFileSync(stateFile, 'utf8'));
const [verb, ...rest] = process.argv.slice(2);
const flags = rest.filter((word) => word.startsWith('--') && word !== '--');
const names = rest.filter((word) => !word.startsWith('--'));

fs.appendFileSync(path.join(home, 'calls'), `${[verb, ...rest].join(' ')}\n`);

const KNOWN = /^--(?:no-pager|full|value|lines=\d+|property=[A-Za-z,]+)$/;
const strange = flags.find((flag) => !KNOWN.test(flag));
if (strange !== undefined) fail(`systemctl: unrecognized option '${strange}'`);

const verbs = { show, stop, start, 'is-active': isActive, status, 'daemon-reload': reload, enable, disable };
if (verbs[verb] === undefined) fail(`Unknown command verb '${verb}'.`);
const fault = (state.faults ?? []).find(({ match, times }) => times > 0 && [verb, ...names].join(' ').startsWith(match));
if (fault !== undefined) {
  fault.times -= 1;
  save();
}
if (fault?.mode === 'fail') fail(`Job for ${names[0]} failed because the control process exited with error code.`);
if (fault?.mode === 'hang') setInterval(() => undefined, 60_000);
else if (fault?.mode !== 'lie') {
  verbs[verb]();
  save();
}

function fail(message, code = 1) {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

function save() {
  fs.writeFileSync(`${stateFile}.${process.pid}`, JSON.stringify(state));
  fs.renameSync(`${stateFile}.${process.pid}`, stateFile);
}

function show() {
  const wanted = flags.find((flag) => flag.startsWith('--property='))?.slice('--property='.length).split(',');
  if (names.length === 0) {
    if (wanted.join() !== 'UnitPath' || !flags.includes('--value')) fail('the stand-in shows UnitPath only');
    console.log(`${home}/etc /usr/lib/systemd/system`);
    return;
  }
  console.log(names.map((name) => block(name, wanted)).join('\n\n'));
}

function block(name, wanted) {
  const unit = state.units[name] ?? {};
  const isLoaded = unit.fragment !== undefined && unit.isRead !== false;
  const values = {
    Id: unit.alias ?? name,
    LoadState: unit.masked ? 'masked' : isLoaded ? 'loaded' : 'not-found',
    ActiveState: unit.active ?? 'inactive',
    UnitFileState: isLoaded ? (unit.enabled ? 'enabled' : 'disabled') : '',
    FragmentPath: isLoaded ? unit.fragment : '',
    DropInPaths: (unit.dropIns ?? []).filter((file) => fs.existsSync(file)).join(' '),
    TriggeredBy: (unit.triggeredBy ?? []).join(' '),
    RequiredBy: (unit.requiredBy ?? []).join(' '),
    BoundBy: '',
    ConsistsOf: '',
    Type: unit.type ?? 'simple',
    RemainAfterExit: unit.remain ? 'yes' : 'no',
  };
  return wanted.filter((key) => values[key] !== undefined).map((key) => `${key}=${values[key]}`).join('\n');
}

function existing(name) {
  const unit = state.units[name];
  if (unit === undefined || unit.isRead === false) fail(`Failed to ${verb} ${name}: Unit ${name} not found.`, 5);
  return unit;
}

function stop() {
  for (const name of names) {
    const unit = existing(name);
    // A trigger that is active starts its unit again.
    const isTriggered = (unit.triggeredBy ?? []).some((other) => state.units[other]?.active === 'active');
    if (unit.active !== 'inactive') fs.appendFileSync(path.join(home, 'acts'), `stop ${name}\n`);
    unit.active = isTriggered ? 'active' : 'inactive';
    for (const other of unit.requiredBy ?? []) state.units[other].active = 'inactive';
  }
}

function start() {
  for (const name of names) {
    const unit = existing(name);
    fs.appendFileSync(path.join(home, 'acts'), `start ${name}\n`);
    unit.active = unit.type === 'oneshot' && !unit.remain ? 'inactive' : 'active';
  }
}

function isActive() {
  const states = names.map((name) => state.units[name]?.active ?? 'inactive');
  console.log(states.join('\n'));
  if (!states.includes('active')) process.exitCode = 3;
}

function status() {
  const unit = existing(names[0]);
  console.log(`x ${names[0]} - Stand-in\n   Active: ${unit.active}\n\njournal: cannot bind to port 80`);
  if (unit.active !== 'active') process.exitCode = 3;
}

/** What is on disk is what is known from now on. */
function reload() {
  for (const unit of Object.values(state.units)) unit.isRead = fs.existsSync(unit.fragment);
}

function enable() {
  for (const name of names) existing(name).enabled = true;
}

function disable() {
  for (const name of names) existing(name).enabled = false;
}
