/** What tells the families apart, and that one file says it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { readConfig } from '../../lib/model/configuration.js';
import { FAMILIES, familyOf } from '../../lib/model/family.js';
import { FAMILIES as FIXTURES, fixtureFolder } from '../support/parity-fixture.js';

describe('familyOf', () => {
  it('finds a family by its model_type', () => {
    assert.equal(familyOf('qwen2_5_vl').title, 'Qwen2.5-VL');
  });

  it('names the families that exist where the model_type is unknown, absent or a property of every object', () => {
    for (const unknown of ['qwen3_vl', undefined, 'toString'])
      assert.throws(() => familyOf(unknown), /the kit reads qwen2_vl \(Qwen2-VL\) and qwen2_5_vl \(Qwen2\.5-VL\)/);
  });
});

describe('a family', () => {
  it('says what differs: the norm, the perceptron and the windows of the tower', () => {
    const facts = FIXTURES.map((family) => {
      const { norm, perceptron, windows } = readConfig(fixtureFolder(family)).vision;
      return [norm, perceptron, windows !== undefined];
    });
    assert.deepEqual(facts, [
      ['layer', 'quickGelu', false],
      ['rootMeanSquare', 'swiGlu', true],
    ]);
  });

  it('is asked for by its name in one file alone', () => {
    const folder = path.join(__dirname, '../../lib/model');
    const names = new RegExp(`'(${Object.keys(FAMILIES).join('|')})'`);
    const asking = readdirSync(folder).filter((file) => {
      const code = readFileSync(path.join(folder, file), 'utf8');
      return file.endsWith('.ts') && names.test(code.replaceAll(/^.*model_type: '\w+';.*$/gm, ''));
    });
    // `family.ts` itself names them as keys, and `configuration.ts` in the type of one family's file.
    assert.deepEqual(asking, []);
  });
});
