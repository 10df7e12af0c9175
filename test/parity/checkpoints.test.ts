/** Checkpoints as transformers writes them in old layouts and new: each loads, and computes what transformers does. See make_checkpoint_fixtures.py. */
import assert from 'node:assert/strict';
import { copyFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine } from '../../lib/engine/backend.js';
import { evaluateModel } from '../../lib/evaluate/evaluate.js';
import { disposeModel, loadModel } from '../../lib/model/model.js';
import { readSafetensors } from '../../lib/model/safetensors.js';
import { GREEDY } from '../../lib/model/sampling.js';
import { FAMILIES, fixtureFolder, largestGap, lastLogits } from '../support/parity-fixture.js';

const CHECKPOINTS = path.join(__dirname, 'fixtures', 'checkpoints');
const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-checkpoints-'));
const names = readdirSync(CHECKPOINTS);

before(async () => {
  await startEngine();
});
after(() => rmSync(folder, { recursive: true, force: true }));

/** The checkpoint with the tokenizer and the template of its family's larger fixture. */
function completeCheckpoint(name: string): string {
  const family = FAMILIES.find((prefix) => name.startsWith(`${prefix}-`))!;
  const copy = path.join(folder, name);
  cpSync(path.join(CHECKPOINTS, name), copy, { recursive: true });
  for (const file of ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja'])
    copyFileSync(path.join(fixtureFolder(family), file), path.join(copy, file));
  return copy;
}

/** One picture of 4 x 4 patches, whose values are sines, as the script has it. */
const image = { pixelValues: Float32Array.from({ length: 16 * 24 }, (_, i) => Math.sin(i)), grid: [1, 4, 4] as const };

for (const name of names) {
  test(`${name}: logits within 1e-4, and greedy tokens under the penalty that the checkpoint names`, async () => {
    const checkpoint = completeCheckpoint(name);
    const { tokens, greedy } = JSON.parse(readFileSync(path.join(checkpoint, 'expected.json'), 'utf8')) as {
      tokens: number[];
      greedy: number[] | null;
    };
    const [expected] = readSafetensors(path.join(checkpoint, 'expected.safetensors'));
    const model = loadModel(checkpoint);
    const prompt = { tokens, images: [{ ...image, grid: [...image.grid] as [number, number, number] }] };
    const actual = lastLogits(model, prompt, expected!.shape[0]!);
    const gap = largestGap(actual, expected!.data);
    assert.ok(gap < 1e-4, `${gap}`);
    assert.ok(Math.max(...expected!.data) > 1, 'the logits are near zero: a weak test');
    if (greedy) {
      const { repetitionPenalty } = model;
      assert.equal(repetitionPenalty, 1.3);
      const settings = { ...GREEDY, maxNewTokens: greedy.length, completions: 1, seed: 1 };
      const draw = (penalty: number) =>
        model.generator.generate(model.parameters, [prompt], { ...settings, repetitionPenalty: penalty })[0]![0]!
          .tokens;
      assert.deepEqual(draw(repetitionPenalty), greedy);
      assert.notDeepEqual(draw(1), greedy, 'the penalty changes nothing: a weak test');
      const row = { id: 'a', image: [], problem: 'a', answer: 'b' };
      const { items } = await evaluateModel(model, [{ id: 'a', family: 'all', prompt, row }], {
        maxNewTokens: greedy.length,
        score: () => 0,
      });
      assert.equal(items[0]!.completion, model.tokenizer.decode(greedy), 'an evaluation applies the penalty');
    }
    disposeModel(model);
  });
}

test('every pair of layout, head, files and type occurs in each family', () => {
  const parts = (name: string) => /^(.+?-vl)-([\d.]+)-(\w+)-(\w+)-(\w+)$/.exec(name)!.slice(1);
  for (const family of FAMILIES) {
    const rows = names.map(parts).filter(([of]) => of === family);
    for (let a = 1; a < 5; a++)
      for (let b = a + 1; b < 5; b++) {
        const values = (place: number) => new Set(rows.map((row) => row[place])).size;
        const pairs = new Set(rows.map((row) => `${row[a]} ${row[b]}`));
        assert.equal(pairs.size, values(a) * values(b), `${family}: ${a}, ${b}`);
        assert.ok(values(a) > 1 && values(b) > 1);
      }
  }
});
