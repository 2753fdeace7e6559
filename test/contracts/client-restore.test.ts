// SPDX-License-Identifier: AGPL-3.0-or-later
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recover } from '../../packages/client/src/recover.ts';
import { removeEmptyKept } from '../../packages/client/src/restore/undo-restore.ts';
import { readUserSteps } from '../../packages/client/src/restore/user-steps.ts';
import { createVault } from '../fixtures/plugins/vault/index.ts';
import { createRestoreLab, NOW, RESTORED, type RestoreLab } from '../helpers/restore-lab.ts';
import { pluginContract } from './plugin.ts';

pluginContract(createVault('vault', 10), (directory) => {
  const [file, state] = [join(directory, 'file'), join(directory, 'state')];
  writeFileSync(file, 'saved');
  writeFileSync(state, 'on');
  return {
    options: { file, state },
    stateOfHost: () => [existsSync(file) ? readFileSync(file, 'utf8') : undefined, readFileSync(state, 'utf8')],
    destroy: () => rmSync(file),
    damage: (copy) => writeFileSync(join(copy, 'vault/content'), ''),
  };
});

let lab: RestoreLab;

beforeEach(() => {
  lab = createRestoreLab();
});

afterEach(() => lab.remove());

describe('a restore', () => {
  it('stops all, puts all back, starts all the other way round, and keeps what it replaced', async () => {
    const done = await lab.restore();
    expect(lab.stateOfHost()).toEqual(RESTORED);
    expect(lab.trace().filter((line) => /(stop|apply|start)$/.test(line))).toEqual([
      ...['vault stop', 'second stop', 'vault apply', 'second apply', 'second start', 'vault start'],
    ]);
    expect(done).toMatchObject({ warnings: [], kept: ['vault', 'second'] });
    expect(lab.get('restores/one/vault/content')).toBe('new one');
    expect(readdirSync(lab.at('undo'))).toEqual([]);
  });

  it('plans without changing anything, and with everything that is in the way', async () => {
    const { tasks, checks, work } = await lab.plan();
    expect(await removeEmptyKept(work)).toEqual([]);
    expect(tasks.map(({ task }) => task)).toEqual(['vault', 'second']);
    expect(checks.flatMap((done) => done.checks).map(({ status }) => status)).toEqual(['ok', 'ok']);
    lab.configure({ vault: 'plan' });
    lab.put('copy/second/content', '');
    await expect(lab.plan()).rejects.toThrow(/told to fail in plan[\s\S]*second: the copy is not good: .*no content/);
    await expect(lab.plan({ only: 'other' })).rejects.toThrow('It has: vault, second');
    expect(lab.stateOfHost()).toEqual(NOW);
    expect([existsSync(lab.at('undo')), existsSync(lab.at('restores/one'))]).toEqual([false, false]);
  });

  it('loads what is in a container when the others have been started, and takes it back first', async () => {
    lab.configure({}, { container: 'db' });
    await lab.restore();
    const done = lab.trace().filter((line) => /(stop|apply|revert|start)$/.test(line));
    const upTo = ['vault stop', 'second stop', 'vault apply', 'vault start', 'second apply'];
    expect(done).toEqual([...upTo, 'second start']);
    for (const [name, text] of Object.entries(NOW)) lab.put(name, text);
    rmSync(lab.at('restores'), { recursive: true });
    lab.put('trace', '');
    lab.configure({ second: 'applied' }, { container: 'db' });
    await expect(lab.restore()).rejects.toThrow('80 load, second');
    const undone = ['second revert', 'vault stop', 'vault revert', 'vault start', 'second start'];
    expect(lab.trace().filter((line) => /(stop|apply|revert|start)$/.test(line))).toEqual([...upTo, ...undone]);
    expect(lab.stateOfHost()).toEqual(NOW);
  });

  it('on an empty host creates what is not there, and keeps nothing', async () => {
    rmSync(lab.at('one'));
    rmSync(lab.at('two'));
    expect(await lab.restore()).toMatchObject({ warnings: [], kept: [] });
    expect(lab.stateOfHost()).toEqual(RESTORED);
    expect(readdirSync(lab.at('restores'))).toEqual([]);
  });
});

describe('steps of restore.d', () => {
  it('run in between, by number, and get to know what is restored', async () => {
    for (const name of ['80advertise', '20label', '05replace', '01look'])
      lab.addStep(name, `echo ${name} >> ${lab.at('trace')}`);
    lab.addStep('10after', `cat > ${lab.at('seen.json')}; echo 10after >> ${lab.at('trace')}`);
    lab.addStep('15ignored', 'exit 1', 0o600);
    lab.addStep('readme', 'exit 1');
    await lab.restore();
    expect(lab.trace().filter((line) => /^\d|second (stop|applied|started)$/.test(line))).toEqual([
      ...[
        '01look',
        'second stop',
        '05replace',
        'second applied',
        '10after',
        '20label',
        'second started',
        '80advertise',
      ],
    ]);
    expect(JSON.parse(lab.get('seen.json') ?? '')).toMatchObject({
      service: 'web/shop',
      as: null,
      copy: lab.at('copy'),
    });
    expect((await readUserSteps(lab.at('web/shop'))).ignored).toEqual(['15ignored', 'readme']);
  });

  it('the first that fails ends the restore, and the state before is put back', async () => {
    lab.addStep('20label', 'echo no label >&2; exit 3');
    lab.addStep('30more', `touch ${lab.at('more')}`);
    await expect(lab.restore()).rejects.toThrow(
      /step 20label of restore\.d: [\s\S]*no label[\s\S]*As it was before: second, vault/,
    );
    expect(lab.stateOfHost()).toEqual(NOW);
    expect([existsSync(lab.at('more')), existsSync(lab.at('restores/one')), readdirSync(lab.at('undo'))]).toEqual([
      false,
      false,
      [],
    ]);
  });

  it('are refused where others could change them', async () => {
    lab.addStep('20label', 'true', 0o722);
    await expect(readUserSteps(lab.at('web/shop'))).rejects.toThrow('would be run as root');
    chmodSync(lab.at('web/shop/restore.d/20label'), 0o700);
    chmodSync(lab.at('web/shop/restore.d'), 0o777);
    await expect(readUserSteps(lab.at('web/shop'))).rejects.toThrow('chmod go-w');
  });
});

describe('a restore that fails', () => {
  it.each(['stop', 'stopped', 'apply', 'kept', 'applied'])(
    'in %s of the last task puts everything back',
    async (point) => {
      lab.configure({ second: point });
      await expect(lab.restore()).rejects.toThrow(`told to fail in ${point}`);
      expect(lab.stateOfHost()).toEqual(NOW);
      expect(readdirSync(lab.at('undo'))).toEqual([]);
    },
  );

  it('when all has been started stops it again before anything is taken back', async () => {
    lab.addStep('90end', 'exit 1');
    lab.put('two-state', 'off');
    await expect(lab.restore()).rejects.toThrow(/step 90end[\s\S]*As it was before: second, vault\./);
    const done = lab.trace().filter((line) => /(stop|revert|start)$/.test(line));
    expect(done.slice(done.indexOf('vault start') + 1)).toEqual([
      ...['vault stop', 'second stop', 'second revert', 'vault revert', 'second start', 'vault start'],
    ]);
    // What did not run before does not run afterwards either.
    expect(lab.stateOfHost()).toEqual({ ...NOW, 'two-state': 'off' });
    expect(readdirSync(lab.at('undo'))).toEqual([]);
  });

  it('and cannot be stopped again is put back all the same', async () => {
    lab.addStep('90end', 'exit 1');
    lab.configure({ second: 'stop again' });
    await expect(lab.restore()).rejects.toThrow(/step 90end/);
    expect(lab.trace()).toContain('second stop again');
    expect(lab.stateOfHost()).toEqual(NOW);
  });

  it('and cannot be undone says what is where, and recover does it later', async () => {
    lab.configure({ second: 'start' });
    await expect(lab.restore()).rejects.toThrow(
      /NOT put back: second: start: .*told to fail in start[\s\S]*backup-client recover/,
    );
    expect(lab.stateOfHost()).toEqual({ ...NOW, 'two-state': 'off' });
    const stuck = await recover(lab.ioWith());
    expect(stuck.failed.map(({ message }) => message)).toEqual([expect.stringContaining('told to fail in start')]);
    const [name = ''] = readdirSync(lab.at('undo'));
    writeFileSync(
      lab.at('undo', name),
      readFileSync(lab.at('undo', name), 'utf8').replace('"fail":"start"', '"fail":""'),
    );
    const { undone, failed } = await recover(lab.ioWith());
    expect(failed).toEqual([]);
    expect(undone).toEqual([expect.stringContaining('the unfinished restore of web/shop')]);
    expect(lab.stateOfHost()).toEqual(NOW);
    expect(readdirSync(lab.at('undo'))).toEqual([]);
  });

  it('because it is to end puts everything back, and ends with the reason', async () => {
    const controller = new AbortController();
    lab.addStep('20wait', `touch ${lab.at('waiting')}; sleep 60`);
    const restoring = lab.restore(controller.signal);
    const watch = setInterval(() => existsSync(lab.at('waiting')) && controller.abort(new Error('Ctrl-C')), 20);
    await expect(restoring).rejects.toThrow('Ctrl-C');
    clearInterval(watch);
    expect(lab.stateOfHost()).toEqual(NOW);
  });
});
