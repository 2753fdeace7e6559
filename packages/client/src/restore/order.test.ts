// SPDX-License-Identifier: AGPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { isLate, orderStages, type Stage, stepNumberOf } from './order.ts';

const stepsOf = (...names: string[]) =>
  names.map((name) => ({ name, number: stepNumberOf(name) ?? -1, file: `/restore.d/${name}` }));

const nameOf = (stage: Stage) => (stage.kind === 'user' ? stage.step.name : stage.kind);

describe('the order of steps', () => {
  it('is by number, not by name; the own steps come first among equals', () => {
    const steps = stepsOf('100last', '80advertise', '20note', '20label', '9early', '10after', '05replace', '01look');
    expect(orderStages(steps).map(nameOf)).toEqual([
      ...['01look', 'stop', '05replace', '9early', 'restore', '10after'],
      ...['20label', '20note', 'start', 'verify', '80advertise', '100last'],
    ]);
  });

  it('is stop, restore, start, verify without any', () => {
    expect(orderStages([])).toEqual([
      { kind: 'stop', number: 5 },
      { kind: 'restore', number: 10 },
      { kind: 'start', number: 80 },
      { kind: 'verify', number: 80 },
    ]);
  });
});

describe('what is in a container', () => {
  it('is loaded when the service has been started, before the steps from 80 on', () => {
    const stages = orderStages(stepsOf('80advertise', '70before'), true);
    expect(stages.map(nameOf)).toEqual(['stop', 'restore', '70before', 'start', 'load', 'verify', '80advertise']);
  });

  it('is known by its options, of plugins that take a container', () => {
    const options = [{ container: 'db' }, { container: undefined }, {}, null, 'container'];
    const late = (takesContainer: boolean) => options.map((one) => isLate({ takesContainer }, one));
    expect(late(true)).toEqual([true, false, false, false, false]);
    expect(late(false)).not.toContain(true);
  });
});

describe('the number of a step', () => {
  it.each([
    ['05validate', 5],
    ['10restore_module', 10],
    ['7', 7],
    ['20-label.sh', 20],
    ['20label.sh', 20],
    ['label', undefined],
    ['20label~', undefined],
    ['.20label.swp', undefined],
    ['20label.dpkg-old', undefined],
    ['20label.bak', undefined],
    ['20 label', undefined],
    ['20\nlabel', undefined],
    ['12345x', undefined],
  ])('of %j is %j', (name, number) => expect(stepNumberOf(name)).toBe(number));
});
