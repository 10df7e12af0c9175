/** Which cells a study has: their number by hand, each once, and what the parts share. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ABLATIONS, type AblationName } from '../../../lib/study/ablation-names.js';
import type { GrpoCell, SftCell } from '../../../lib/study/cells/cell.js';
import { ablationBase, ablationCells } from '../../../lib/study/design/ablations.js';
import {
  EFFICIENCY_PARADIGMS,
  type EfficiencyParadigm,
  efficiencyCell,
  efficiencyRows,
  efficiencySeeds,
  fewRows,
} from '../../../lib/study/design/data-efficiency.js';
import { paradigmCell } from '../../../lib/study/design/paradigms.js';
import {
  GRID_PARTS,
  type GridPart,
  otherWordsCell,
  type StudySelection,
  studyGrid,
  WHOLE_STUDY,
} from '../../../lib/study/design/study-grid.js';
import { PAPER_PROFILE, QUICK, STANDARD, TINY, taskProfile } from '../../../lib/study/profile.js';
import type { Study } from '../../../lib/study/workspace.js';
import { TASK_NAMES, TASKS } from '../../../lib/tasks/tasks.js';
import { checkGrpo } from '../../../lib/train/grpo-settings.js';
import { canonicalJson, type Json } from '../../../lib/train/run-configuration.js';
import { checkSft, sftSteps } from '../../../lib/train/sft.js';

/** As `quick`, in an annotator's words, so that it can have every ablation. */
const ANNOTATORS = { ...QUICK, rationales: 'annotator', ablations: { ...QUICK.ablations, names: ABLATIONS } } as const;
const study: Study = { profile: ANNOTATORS, folder: '/nowhere', base: '/nowhere' };
const studyWith = (changes: Partial<typeof QUICK>): Study => ({ ...study, profile: { ...ANNOTATORS, ...changes } });
const text = (value: unknown) => canonicalJson(value as Json);
const only = (part: GridPart): StudySelection => ({ ...WHOLE_STUDY, parts: [part] });

test('every cell occurs once, with a name of its own, after the cell that it starts from; its settings are possible', () => {
  for (const profile of [QUICK, STANDARD, TINY, PAPER_PROFILE]) {
    const grid = studyGrid({ ...study, profile });
    assert.equal(new Set(grid.map(({ name }) => name)).size, grid.length);
    const before = new Set<string>();
    for (const { name, cell } of grid) {
      if (cell.kind === 'grpo' && cell.start !== 'base') assert.ok(before.has(text(cell.start)), `${name} comes first`);
      assert.ok(!before.has(text(cell)), `${name} occurs twice`);
      before.add(text(cell));
      if (cell.kind === 'grpo') checkGrpo(cell.settings);
      if (cell.kind === 'sft') checkSft(cell.settings);
      if (cell.kind === 'base') continue;
      assert.ok(cell.rows[0] < cell.rows[1] && cell.rows[1] <= taskProfile(profile, cell.task).trainRows, name);
    }
  }
});

test('cells of three seeds, counted by hand', () => {
  const three = studyWith({ seeds: [1, 2, 3], efficiency: { ...QUICK.efficiency, seeds: [1] } });
  const count = (part?: GridPart) => studyGrid(three, part && only(part)).length;
  // A task: the base model; stage 1 and six paradigms of three seeds.
  assert.equal(count('paradigms'), 3 * (1 + 7 * 3));
  // A task: 6,400 rows, stage 1 and the paper's four: 5 x 3. 320 rows: four of three seeds, 800, 1,600, 3,200: four of one seed. The
  // stage 1 of all of these, 160 rows, is that of all rows.
  assert.equal(count('efficiency'), 3 * (5 * 3 + 4 * 3 + 3 * 4));
  // A task, the first seed: shuffled labels, and the other words.
  assert.equal(count('controls'), 3 * 2);
  // Counting, one seed: the base and its stage 1; reward 2 more, group size 2, KL 2, loss 2, temperature 3; CoT rows 3 more and
  // 2 stages; words 1 and 1; curation 2 and 2; start checkpoint 2 and 2.
  assert.equal(count('ablations'), 2 + 2 + 2 + 2 + 2 + 3 + 5 + 2 + 4 + 4);
  // Efficiency at all rows with the paradigms; the ablations' stage 1.
  const shared = 3 * 5 * 3 + 1;
  assert.equal(count(), GRID_PARTS.reduce((sum, part) => sum + count(part), 0) - shared);
  // One name in every part.
  const names = new Set(studyGrid(three).map(({ name }) => name));
  for (const part of GRID_PARTS) assert.ok(studyGrid(three, only(part)).every(({ name }) => names.has(name)));
});

test('a selection of one task and two ablations holds their cells and starts under the names of the whole', () => {
  const selection = {
    ...WHOLE_STUDY,
    tasks: ['counting'],
    parts: ['ablations'],
    ablations: ['Group size', 'Loss'],
  } as const;
  const grid = studyGrid(study, selection);
  assert.deepEqual(
    grid.map(({ name }) => name),
    [
      'counting/stage 1/seed 1',
      'counting/ablation/base/seed 1',
      ...['G = 4', 'G = 16'].map((setting) => `counting/ablation/Group size: ${setting}/seed 1`),
      ...['dapo', 'dr_grpo'].map((setting) => `counting/ablation/Loss: ${setting}/seed 1`),
    ],
  );
  const whole = studyGrid(study);
  for (const { name, cell } of grid) assert.equal(text(whole.find((other) => other.name === name)!.cell), text(cell));
  assert.deepEqual(studyGrid(study, { ...selection, tasks: ['structure'] }), []);
});

test('paradigms are asked about every test set as they are trained; the base model also as Zero is', () => {
  const grid = studyGrid(study, only('paradigms'));
  const asked = (name: string) => grid.find((each) => each.name === name)!.evaluations;
  assert.deepEqual(asked('counting/ans-sft/seed 1'), [
    { set: 'id', style: 'bare' },
    { set: 'ood', style: 'bare' },
  ]);
  assert.deepEqual(
    asked('transformation/zero-shot').map(({ set, style }) => `${set} ${style}`),
    ['id direct', 'ood-left direct', 'ood-right direct', 'id think'],
  );
  assert.deepEqual(
    asked('structure/stage 1/seed 1').map(({ set, style }) => `${set} ${style}`),
    ['id think'],
  );
});

test('a seed is the only thing that the cells of two seeds differ in, stage 1 included', () => {
  const [one, two] = [1, 2].map((seed) => paradigmCell(study, 'reason-rft', 'structure', seed)) as [GrpoCell, GrpoCell];
  assert.notEqual(text(one), text(two));
  const start = one.start as SftCell;
  const moved = {
    ...one,
    settings: { ...one.settings, seed: 2 },
    start: { ...start, settings: { ...start.settings, seed: 2 } },
  };
  assert.equal(text(moved), text(two));
});

test('5 % of the rows and all rows are points of the curve, and have every seed', () => {
  for (const profile of [QUICK, STANDARD, TINY, PAPER_PROFILE]) {
    for (const task of TASK_NAMES) {
      const own = { ...study, profile };
      const rows = efficiencyRows(own, task);
      assert.ok(rows.length >= 2 && rows.includes(fewRows(own, task)));
      assert.equal(rows.at(-1), taskProfile(profile, task).trainRows);
      assert.deepEqual(
        rows,
        [...rows].sort((a, b) => a - b),
      );
    }
  }
  assert.equal(fewRows(study, 'counting'), 320);
  const three = studyWith({ seeds: [1, 2, 3], efficiency: { ...QUICK.efficiency, seeds: [2] } });
  assert.deepEqual(
    [320, 800, 6400].map((rows) => efficiencySeeds(three, rows, 'counting')),
    [[1, 2, 3], [2], [1, 2, 3]],
  );
});

test('fewer rows: SFT makes one pass but 50 steps at least; Reason-RFT halves the rows; at all rows it is the paradigm', () => {
  const at = (paradigm: EfficiencyParadigm, rows: number) => efficiencyCell(study, paradigm, rows, 'counting', 1);
  const steps = (cell: SftCell) => sftSteps(cell.rows[1], cell.settings);
  // 320 rows / 32 = 10 steps, fewer than 50; 3,200 / 32 = 100.
  assert.deepEqual(
    [320, 800, 1600, 3200, 6400].map((rows) => steps(at('cot-sft', rows) as SftCell)),
    [50, 50, 50, 100, 200],
  );
  const rft = (rows: number) => at('reason-rft', rows) as GrpoCell;
  assert.deepEqual(
    [200, 320, 1600, 6400].map((rows) => [(rft(rows).start as SftCell).rows[1], ...rft(rows).rows]),
    [
      [100, 100, 200],
      [160, 160, 320],
      [160, 160, 1600],
      [160, 160, 6400],
    ],
  );
  // As many steps as at all rows, 3 x 160 / 32 = 15: of 100 rows 4.8 passes.
  assert.deepEqual([steps(rft(200).start as SftCell), steps(rft(6400).start as SftCell)], [15, 15]);
  assert.deepEqual(rft(320).settings, paradigmCell(study, 'reason-rft', 'counting').settings);
  const standard = { ...study, profile: STANDARD };
  const whole = paradigmCell(standard, 'reason-rft', 'transformation');
  const few = efficiencyCell(standard, 'reason-rft', 160, 'transformation', 1) as GrpoCell;
  assert.deepEqual(few.settings, { ...whole.settings, steps: 20 });
  for (const paradigm of EFFICIENCY_PARADIGMS)
    assert.equal(text(at(paradigm, 6400)), text(paradigmCell(study, paradigm, 'counting', 1)));
  assert.throws(() => at('ans-sft', 6401), /from 2 to 6400, all rows, got 6401/);
});

test('an ablation’s cells differ from the base in one thing, and the base occurs in each', () => {
  for (const task of TASK_NAMES) {
    const cells = ablationCells(study, task, 1);
    const base = ablationBase(study, task, 1);
    for (const ablation of ABLATIONS) {
      const own = cells.filter((each) => each.ablation === ablation);
      assert.equal(own.filter((each) => each.base && text(each.cell) === text(base)).length, 1, ablation);
      assert.equal(new Set(own.map(({ cell }) => text(cell))).size, own.length, ablation);
      assert.equal(new Set(own.map(({ setting }) => setting)).size, own.length, ablation);
      for (const { cell, setting } of own.filter((each) => !each.base)) {
        const changed = (['start', 'rows', 'rewards', 'settings'] as const).filter(
          (key) => text(cell[key]) !== text(base[key]),
        );
        assert.equal(changed.length, 1, `${ablation}: ${setting} changes ${changed.join(', ')}`);
      }
      // Group size aside, where prompts and completions change together, one setting of GRPO.
      for (const { cell } of own.filter(() => ablation !== 'Group size')) {
        const keys = Object.keys(base.settings) as (keyof typeof base.settings)[];
        assert.ok(keys.filter((key) => text(cell.settings[key]) !== text(base.settings[key])).length <= 1);
      }
    }
    // As many completions a step: 16 prompts x 8.
    for (const { cell } of cells) assert.equal(cell.settings.promptsPerStep * cell.settings.completions, 128);
  }
});

test('the settings of ablations, by name', () => {
  const names = (task: (typeof TASK_NAMES)[number], ablation: string) =>
    ablationCells(study, task)
      .filter((each) => each.ablation === ablation)
      .map(({ setting, base }) => (base ? `[${setting}]` : setting));
  assert.deepEqual(names('transformation', 'Reward'), [
    '[full matches + format]',
    'full matches alone',
    'partial credit + format',
    'penalty + format',
    'coin + format',
  ]);
  assert.deepEqual(names('structure', 'Reward').slice(0, 3), [
    '[tolerance + format]',
    'tolerance alone',
    'exact + format',
  ]);
  assert.deepEqual(names('counting', 'KL weight'), ['0', '[0.04]', '0.1']);
  assert.deepEqual(names('counting', 'Start checkpoint'), ['[3 passes]', '6 passes', '12 passes']);
  assert.deepEqual(names('counting', 'CoT rows in stage 1'), ['none', '[160]', '320', '800']);
  assert.deepEqual(names('counting', 'Curation of stage 1'), ['[curated]', '25 % spoiled', '50 % spoiled']);
  // The base and its 19 variants; the stage 1 that they share is also a paradigm's, which evaluates it.
  const evaluated = studyGrid(study, only('ablations')).filter(({ evaluations }) => evaluations.length > 0);
  assert.equal(evaluated.length, 1 + 19 + 1);
  const measured = studyGrid(study, only('ablations')).filter(({ heldOut }) => heldOut);
  assert.deepEqual(
    measured.map(({ cell }) => (cell as SftCell).settings.epochs).sort((a, b) => a - b),
    [3, 6, 12],
  );
});

test('the paper’s study: its rows, its flags, and the steps that one pass makes, five of structure', () => {
  const paper = { ...study, profile: PAPER_PROFILE };
  const rft = (task: (typeof TASK_NAMES)[number]) => paradigmCell(paper, 'reason-rft', task, 1);
  // 33,400 / 14 = 2,385.7; 4,500 x 5 / 14 = 1,607.1; 58,400 / 14 = 4,171.4.
  assert.deepEqual(
    TASK_NAMES.map((task) => [...rft(task).rows, rft(task).settings.steps]),
    [
      [1600, 35_000, 2386],
      [0, 4500, 1607],
      [1600, 60_000, 4171],
    ],
  );
  // 35,000 / 14; 3,200 / 14 = 228.6; half of 3,200 is stage 1's, 1,600 / 14 = 114.3.
  assert.equal(paradigmCell(paper, 'reason-rft-zero', 'counting', 1).settings.steps, 2500);
  const few = (paradigm: 'reason-rft-zero' | 'reason-rft') =>
    efficiencyCell(paper, paradigm, 3200, 'counting', 1).settings as GrpoCell['settings'];
  assert.deepEqual([few('reason-rft-zero').steps, few('reason-rft').steps], [229, 114]);
  const { settings } = rft('counting');
  assert.deepEqual(
    [settings.completions, settings.promptsPerStep, settings.beta, settings.temperature, settings.topP, settings.topK],
    [8, 14, 0.04, 0.9, 0.9, 50],
  );
  assert.deepEqual(
    [settings.schedule.learningRate, settings.schedule.decay, settings.maxNewTokens],
    [1e-6, 'linear', 512],
  );
  const sft = (rft('counting').start as SftCell).settings;
  assert.deepEqual(
    [sft.schedule.learningRate, sft.schedule.warmupSteps, sft.weightDecay, sft.batchSize, sft.epochs, sft.freezeVision],
    [1e-5, 100, 0.1, 16, 1, true],
  );
  // 1,600 rows / 16.
  assert.equal(sftSteps(1600, sft), 100);
});

test('a profile names its ablations: the standard has five with three seeds, and 24 steps of 16 prompts', () => {
  const standard = { ...study, profile: STANDARD };
  const cells = ablationCells(standard, 'counting', 2);
  const names = [...new Set(cells.map(({ ablation }) => ablation))];
  assert.deepEqual(names, ['Reward', 'Group size', 'KL weight', 'Loss', 'CoT rows in stage 1']);
  for (const { cell } of cells)
    assert.deepEqual(
      [cell.settings.steps, cell.settings.promptsPerStep * cell.settings.completions, cell.settings.seed],
      [24, 16 * 8, 2],
    );
  // Three seeds: the base, 2 + 2 + 2 + 2 and 3 variants. Of stage 1's rows, twice as many have a stage 1 of their own.
  const evaluated = studyGrid(standard, only('ablations')).filter(({ name }) => name.includes('/ablation/'));
  assert.equal(evaluated.length, 3 * (1 + 2 + 2 + 2 + 2 + 3 + 2));
  assert.ok(evaluated.every(({ heldOut }) => heldOut === undefined));
  const misnamed = ['Rewards'] as unknown as AblationName[];
  assert.throws(
    () => ablationCells(studyWith({ ablations: { ...QUICK.ablations, names: misnamed } }), 'counting'),
    /profile quick: there is no ablation 'Rewards'; did you mean 'Reward'\? The ablations are Reward, Group size/,
  );
});

test('a study in the base model’s own words: CoT-SFT and stage 1 have them, and the control the annotator’s', () => {
  const names = ABLATIONS.filter((name) => name !== 'Curation of stage 1');
  const own = studyWith({ rationales: 'own', ablations: { ...QUICK.ablations, names } });
  const isOwn = ({ ownWords }: SftCell) => ownWords === true;
  for (const { cell } of studyGrid(own, only('paradigms'))) {
    if (cell.kind === 'sft') assert.equal(isOwn(cell), cell.target === 'cot');
    if (cell.kind === 'grpo' && cell.start !== 'base') assert.ok(isOwn(cell.start));
  }
  assert.ok(isOwn((efficiencyCell(own, 'reason-rft', 320, 'counting', 1) as GrpoCell).start as SftCell));
  const [annotators, owns] = [study, own].map((each) => ({
    studied: text(paradigmCell(each, 'cot-sft', 'counting', 1)),
    control: text(otherWordsCell(each, 'counting', 1)),
  }));
  assert.deepEqual([owns!.control, owns!.studied], [annotators!.studied, annotators!.control]);
  const words = ablationCells(own, 'counting').filter(({ ablation }) => ablation === 'Words of stage 1');
  assert.deepEqual(
    words.map(({ setting, base, cell }) => [setting, base, isOwn(cell.start as SftCell)]),
    [
      ["an annotator's", false, false],
      ["the base model's own", true, true],
    ],
  );
  assert.throws(() => ablationCells(studyWith({ rationales: 'own' }), 'counting'), /leave 'Curation of stage 1' out/);
  const released = { ...PAPER_PROFILE, ablations: { ...PAPER_PROFILE.ablations, names: ABLATIONS } };
  assert.throws(() => ablationCells({ ...study, profile: released }, 'counting'), /leave 'Words of stage 1' out/);
});

test('No-Thinking-RFT: GRPO from the base model for the bare answer alone; CoT-SFT (DFT) differs in the loss alone', () => {
  for (const profile of [QUICK, STANDARD, TINY, PAPER_PROFILE]) {
    for (const task of TASK_NAMES) {
      const own = { ...study, profile };
      const [bare, zero] = [
        paradigmCell(own, 'no-thinking-rft', task, 2),
        paradigmCell(own, 'reason-rft-zero', task, 2),
      ];
      const { style, rewards, settings, ...others } = bare;
      assert.deepEqual([style, rewards], ['direct', { [TASKS[task].bareReward]: 1 }]);
      const { rewards: _, settings: zeroSettings, curve: __, ...zeroOthers } = zero;
      assert.deepEqual(others, zeroOthers);
      const { maxNewTokens } = settings;
      assert.deepEqual({ ...settings, maxNewTokens: 0 }, { ...zeroSettings, maxNewTokens: 0 });
      const longest = { counting: 4, structure: 6, transformation: 32 }[task];
      const expected = { quick: longest, standard: longest, tiny: 16, paper: 512 }[profile.name as 'quick'];
      assert.equal(maxNewTokens, expected);
      const [dft, nll] = [paradigmCell(own, 'cot-sft-dft', task, 2), paradigmCell(own, 'cot-sft', task, 2)];
      assert.equal(dft.settings.lossType, 'dft');
      assert.equal(text({ ...dft, settings: { ...dft.settings, lossType: 'nll' } }), text(nll));
    }
  }
  const named = (name: string) => studyGrid(study).find((cell) => cell.name === name)!.evaluations;
  assert.deepEqual(
    named('counting/no-thinking-rft/seed 1').map(({ set, style }) => `${set} ${style}`),
    ['id direct', 'ood direct'],
  );
});
