// SPDX-License-Identifier: AGPL-3.0-or-later
'use strict';
/*
 * Stands for systemctl(1) where systemd is not PID 1. Units are in `state.json`, unit files in a real directory. It takes
 * the arguments that the real one takes, as far as they are used, and refuses others. One call at a time: see
 * stand-in-server.cjs.
 */
const fs = require('node:fs');
const path = require('node:path');

const HANGS = new Error('hangs');
const KNOWN = /^--(?:no-pager|no-block|full|value|lines=\d+|property=[A-Za-z,]+)$/;
const VERBS = { show, stop, start, 'is-active': isActive, status, 'daemon-reload': reload, enable, disable };

let home;
let state;
let verb;
let flags;
let names;
let printed;
let code;

module.exports = (call) => {
  home = call.home;
  state = JSON.parse(fs.readFileSync(path.join(home, 'state.json'), 'utf8'));
  const [first, ...rest] = call.words;
  verb = first;
  flags = rest.filter((word) => word.startsWith('--') && word !== '--');
  names = rest.filter((word) => !word.startsWith('--'));
  printed = '';
  code = 0;
  fs.appendFileSync(path.join(home, 'calls'), `${call.words.join(' ')}\n`);
  try {
    act();
    return { code, stdout: printed, stderr: '' };
  } catch (error) {
    if (error === HANGS) return undefined;
    if (error.code === undefined || error.said === undefined) throw error;
    return { code: error.code, stdout: printed, stderr: `${error.said}\n` };
  }
};

function act() {
  const strange = flags.find((flag) => !KNOWN.test(flag));
  if (strange !== undefined) fail(`systemctl: unrecognized option '${strange}'`);
  if (VERBS[verb] === undefined) fail(`Unknown command verb '${verb}'.`);
  const line = [verb, ...names].join(' ');
  const fault = (state.faults ?? []).find(({ match, times }) => times > 0 && line.startsWith(match));
  if (fault !== undefined) {
    fault.times -= 1;
    save();
  }
  if (fault?.mode === 'fail') fail(`Job for ${names[0]} failed because the control process exited with error code.`);
  if (fault?.mode === 'hang') throw HANGS;
  if (fault?.mode === 'lie') return;
  if (fault?.mode === 'queue') {
    state.units[names[0]].job = 'stop';
    save();
    fail('killed');
  }
  VERBS[verb]();
  save();
}

function print(text) {
  printed += `${text}\n`;
}

function fail(said, exitCode = 1) {
  throw Object.assign(new Error(said), { said, code: exitCode });
}

function save() {
  const file = path.join(home, 'state.json');
  fs.writeFileSync(`${file}.new`, JSON.stringify(state));
  fs.renameSync(`${file}.new`, file);
}

function show() {
  const wanted = flags.find((flag) => flag.startsWith('--property='))?.slice('--property='.length).split(',');
  if (names.length === 0) {
    if (wanted.join() !== 'UnitPath' || !flags.includes('--value')) fail('the stand-in shows UnitPath only');
    print(`${home}/etc /usr/lib/systemd/system`);
    return;
  }
  print(names.map((name) => block(name, wanted)).join('\n\n'));
  for (const unit of names.map((name) => state.units[name])) if (unit?.becomes !== undefined) settle(unit);
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
    RequisiteOf: (unit.requisiteOf ?? []).join(' '),
    PropagatesStopTo: '',
    Job: unit.becomes === undefined ? '' : '17',
    BoundBy: '',
    ConsistsOf: '',
    Type: unit.type ?? 'simple',
    SubState: unit.sub,
    NRestarts: unit.restarts,
    ActiveEnterTimestampMonotonic: unit.activeSince,
    RemainAfterExit: unit.remain ? 'yes' : 'no',
  };
  return wanted.filter((key) => values[key] !== undefined).map((key) => `${key}=${values[key]}`).join('\n');
}

/** One look later a unit that was on its way is there. */
function settle(unit) {
  unit.active = unit.becomes;
  delete unit.becomes;
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
    for (const other of [...(unit.requiredBy ?? []), ...(unit.requisiteOf ?? [])]) state.units[other].active = 'inactive';
  }
}

function start() {
  for (const name of names) {
    const unit = existing(name);
    delete unit.job;
    if (unit.active === 'active') continue;
    fs.appendFileSync(path.join(home, 'acts'), `start ${name}\n`);
    // The real one waits until a job is done.
    if (unit.type === 'oneshot' && !unit.remain && !flags.includes('--no-block')) throw HANGS;
    unit.active = unit.type === 'oneshot' && !unit.remain ? 'inactive' : 'active';
  }
}

function isActive() {
  const states = names.map((name) => state.units[name]?.active ?? 'inactive');
  print(states.join('\n'));
  if (!states.includes('active')) code = 3;
  // What is in the queue happens when nobody looks any more.
  for (const unit of Object.values(state.units)) if (unit.job === 'stop') unit.active = 'inactive';
}

function status() {
  const unit = existing(names[0]);
  print(`x ${names[0]} - Stand-in\n   Active: ${unit.active}\n\njournal: cannot bind to port 80`);
  if (unit.active !== 'active') code = 3;
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
