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
    for (const unknown of ['qwen3_vl_moe', undefined, 'toString'])
      assert.throws(
        () => familyOf(unknown),
        /the kit reads qwen2_vl \(Qwen2-VL\), qwen2_5_vl \(Qwen2\.5-VL\) and qwen3_vl \(Qwen3-VL\)/,
      );
  });
});

describe('a family', () => {
  it('says what differs: norm, perceptron, windows, learned positions and DeepStack of the tower; norms and positions of the decoder', () => {
    const facts = FIXTURES.map((family) => {
      const { vision, queryKeyNorm, mropeLayout } = readConfig(fixtureFolder(family));
      const { norm, perceptron, windows, positionGrid, deepStack } = vision;
      return [norm, perceptron, windows !== undefined, positionGrid, deepStack, queryKeyNorm, mropeLayout];
    });
    assert.deepEqual(facts, [
      ['layer', 'quickGelu', false, undefined, [], false, 'sections'],
      ['rootMeanSquare', 'swiGlu', true, undefined, [], false, 'sections'],
      ['layer', 'tanhGelu', false, 5, [0, 1], true, 'interleaved'],
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
