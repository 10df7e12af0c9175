/** Names, sizes and frozen presets of settings: what every entrance of settings is checked by. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkBound, checkBounds } from '../../lib/engine/bounds.js';
import { deepFreeze } from '../../lib/engine/deep-freeze.js';
import { checkNames, refuseUnknownNames, unknownNameText } from '../../lib/engine/names.js';

test('a name that does not exist is refused with the nearest one; a name that is far from all of them with the list', () => {
  const known = ['steps', 'beta', 'promptsPerStep', 'schedule.learningRate'];
  const list = known.join(', ');
  for (const [name, nearest] of [
    ['stepz', 'steps'],
    ['promptsPerSteps', 'promptsPerStep'],
    ['promptsperstep', 'promptsPerStep'],
    ['learningRate', 'schedule.learningRate'],
    ['schedule.learnigRate', 'schedule.learningRate'],
  ])
    assert.equal(
      unknownNameText('setting', name!, known),
      `there is no setting '${name}'; did you mean '${nearest}'? The settings are ${list}`,
    );
  assert.equal(
    unknownNameText('setting', 'temperature', known),
    `there is no setting 'temperature'; the settings are ${list}`,
  );
});

test('fields that are too many or missing are named', () => {
  checkNames({ a: 1, b: 2 }, ['a', 'b'], 'setting', 'x: ');
  refuseUnknownNames({ a: 1 }, ['a', 'b'], 'setting', 'x: ');
  assert.throws(() => checkNames({ a: 1 }, ['a', 'b'], 'setting', 'x: '), /^Error: x: the setting 'b' is missing$/);
  assert.throws(
    () => checkNames({ a: 1, b: 2, toString: 3 }, ['a', 'b'], 'setting', 'x: '),
    /x: there is no setting 'toString'/,
  );
});

test('a number beyond its bound is refused by name, also in a group; NaN is no number', () => {
  checkBounds({ steps: 100_000_000, seed: -5, schedule: { warmupSteps: 1e9 }, lossType: 'grpo', on: true }, 'x: ');
  assert.throws(() => checkBound('completions', 1e9), /^Error: completions may be at most 10000, got 1000000000$/);
  assert.throws(() => checkBound('completions', 1e9, '--many'), /^Error: --many may be at most 10000/);
  assert.throws(() => checkBounds({ schedule: { warmupSteps: 1e300 } }, 'x: '), /x: schedule\.warmupSteps may be at/);
  assert.throws(
    () => checkBounds({ seed: -1e300 }, ''),
    /^Error: seed may be at least -9007199254740991, got -1e\+300$/,
  );
  assert.throws(() => checkBounds({ beta: Number.NaN }, 'x: '), /x: beta must be a number, got NaN/);
});

test('a frozen preset cannot be changed at any depth', () => {
  const preset: { schedule: { rate: number }; rows: number[] } = deepFreeze({ schedule: { rate: 1 }, rows: [1] });
  assert.throws(() => {
    preset.schedule.rate = 2;
  }, TypeError);
  assert.throws(() => preset.rows.push(2), TypeError);
  const changed = { ...preset, schedule: { ...preset.schedule, rate: 2 } };
  assert.deepEqual([changed.schedule.rate, preset.schedule.rate], [2, 1]);
});
