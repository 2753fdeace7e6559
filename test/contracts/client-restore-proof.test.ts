// SPDX-License-Identifier: AGPL-3.0-or-later
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createRestoreLab, NOW, RESTORED, type RestoreLab } from '../helpers/restore-lab.ts';

let lab: RestoreLab;

beforeEach(() => {
  lab = createRestoreLab();
});

afterEach(() => lab.remove());

/** What was done, in order, once the service was being started. */
const fromStart = () => {
  const done = lab.trace().filter((line) => /(stop|apply|start|verify|revert)$|^\d/.test(line));
  return done.slice(done.findIndex((line) => line.endsWith('start')));
};

describe('what runs again after a restore', () => {
  it('is looked at when all runs, before the first step of 80', async () => {
    lab.addStep('80advertise', `echo 80advertise >> ${lab.at('trace')}`);
    const { proofs } = await lab.restore();
    expect(fromStart()).toEqual(['second start', 'vault start', 'second verify', 'vault verify', '80advertise']);
    expect(proofs).toEqual([
      { task: 'second', checks: [{ name: lab.at('two'), status: 'ok', message: 'as saved' }] },
      { task: 'vault', checks: [{ name: lab.at('one'), status: 'ok', message: 'as saved' }] },
    ]);
  });

  it('is looked at last where it was loaded into a container', async () => {
    lab.configure({}, { container: 'db' });
    await lab.restore();
    expect(fromStart()).toEqual(['vault start', 'second apply', 'second start', 'vault verify', 'second verify']);
  });

  it('is not advertised, and the old state is put back, where it is not what was saved', async () => {
    lab.addStep('20spoil', `echo spoilt > ${lab.at('one')}`);
    lab.addStep('80advertise', `touch ${lab.at('advertised')}`);
    lab.configure({}, { checks: 'none' });
    await expect(lab.restore()).rejects.toThrow(
      /at 80 verify: what runs again is not what was put back:\n {2}- vault: .*one: is spoilt\n {4}\nAs it was before: second, vault/,
    );
    const undone = ['vault stop', 'second stop', 'second revert', 'vault revert', 'second start', 'vault start'];
    expect(fromStart().slice(4)).toEqual(undone);
    expect([lab.stateOfHost(), lab.get('advertised')]).toEqual([NOW, undefined]);
    expect(readdirSync(lab.at('undo'))).toEqual([]);
  });

  it('is put back as well where a plugin cannot look, hangs, or wants to change something', async () => {
    lab.configure({ vault: 'verify' });
    await expect(lab.restore()).rejects.toThrow(/vault: vault: could not be looked at: .*told to fail in verify/);
    lab.configure({}, { checks: 'remember' });
    await expect(lab.restore()).rejects.toThrow(/second: could not be looked at: .*has to change nothing/);
    lab.configure({}, { checks: 'hang' });
    await expect(lab.restore(undefined, 50)).rejects.toThrow(/second: .*it took longer than `task_timeout`/);
    expect(lab.stateOfHost()).toEqual(NOW);
  });

  it('is told as not looked at where it was not', async () => {
    lab.configure({}, { checks: 'skip' });
    expect((await lab.restore()).proofs[0]?.checks.map(({ status }) => status)).toEqual(['skipped']);
    lab.configure({}, { checks: 'none' });
    expect((await lab.restore()).proofs[0]).toEqual({ task: 'second', checks: [] });
    expect(lab.stateOfHost()).toEqual(RESTORED);
  });

  it('is put back where the run is to end meanwhile', async () => {
    const controller = new AbortController();
    lab.configure({}, { checks: 'hang' });
    const restoring = lab.restore(controller.signal);
    const watch = setInterval(() => lab.trace().includes('second verify') && controller.abort(new Error('Ctrl-C')), 5);
    await expect(restoring).rejects.toThrow('Ctrl-C');
    clearInterval(watch);
    expect(lab.stateOfHost()).toEqual(NOW);
  });
});
