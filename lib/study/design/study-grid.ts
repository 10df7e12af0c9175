/** The grid of a study: every cell that its tables, figures and claims need. Each occurs once, after the cell that it starts from. */
import { TASK_NAMES, type TaskName, testSetsOf } from '../../tasks/tasks.js';
import { canonicalJson, type Json } from '../../train/run-configuration.js';
import { ABLATIONS, type AblationName } from '../ablation-names.js';
import { type Cell, cellStyle, type SftCell } from '../cells/cell.js';
import type { Study } from '../workspace.js';
import { ablationBase, ablationCells, startMeasure } from './ablations.js';
import { EFFICIENCY_PARADIGMS, efficiencyCell, efficiencyRows, efficiencySeeds } from './data-efficiency.js';
import type { GridCell } from './grid.js';
import {
  KNOB_DRAWERS,
  knobBase,
  knobCotSft,
  knobGrpo,
  knobOf,
  knobStageOne,
  knobTasks,
  readingSettings,
} from './knob.js';
import { inOtherWords, PARADIGM_PROMPTS, paradigmCell, stageOneCell, TRAINED_PARADIGMS } from './paradigms.js';

export const GRID_PARTS = ['paradigms', 'efficiency', 'ablations', 'controls', 'knob'] as const;
export type GridPart = (typeof GRID_PARTS)[number];

/** The control of shuffled labels: ANS-SFT on all rows, each with the answer of another row. */
export function shuffledLabelsCell(study: Study, task: TaskName, seed: number): SftCell {
  return { ...paradigmCell(study, 'ans-sft', task, seed), shuffledLabels: true };
}

/**
 * The control of the other words: CoT-SFT on all rows in the words that the study does not train on. Where it trains on an annotator's
 * rationales, these are solutions in the base model's own notation, and the other way round. The difference is what learning another's
 * words costs.
 */
export function otherWordsCell(study: Study, task: TaskName, seed: number): SftCell {
  return inOtherWords(paradigmCell(study, 'cot-sft', task, seed));
}

/** A part of a study: cells outside it are neither trained nor reported. */
export interface StudySelection {
  tasks: readonly TaskName[];
  parts: readonly GridPart[];
  /** Of the part `ablations`: of these, the ones that the profile has. */
  ablations: readonly AblationName[];
}

/** All of a study. */
export const WHOLE_STUDY: StudySelection = { tasks: TASK_NAMES, parts: GRID_PARTS, ablations: ABLATIONS };

/**
 * The cells of a study, or of a part of it. A cell that several parts share has one name; a part holds the start cells of its cells
 * too, which stand before them. The names do not depend on the selection.
 */
export function studyGrid(study: Study, selection: StudySelection = WHOLE_STUDY): GridCell[] {
  const plan = new Plan(selection);
  for (const task of TASK_NAMES) {
    planParadigms(plan, study, task);
    planEfficiency(plan, study, task);
    planControls(plan, study, task);
  }
  for (const task of study.profile.ablations.tasks) planAblations(plan, study, task);
  for (const task of knobTasks(study)) planKnob(plan, study, task);
  return plan.cells();
}

/** Collects cells. Each configuration is kept once, under the name of its first request. */
class Plan {
  private readonly planned = new Map<string, { cell: GridCell; selected: boolean }>();

  constructor(private readonly selection: StudySelection) {}

  /**
   * Adds a cell, its start cell first.
   *
   * @param part the part of the study that asks for it, or the ablation
   * @param startName the name of its start cell, unless that has one already
   */
  add(part: Exclude<GridPart, 'ablations'> | readonly AblationName[], asked: GridCell, startName?: string): void {
    const { cell } = asked;
    if (cell.kind === 'grpo' && cell.start !== 'base')
      this.add(part, { name: startName!, cell: cell.start, evaluations: [] });
    const selected = this.selects(part, cell.task);
    const key = canonicalJson(cell as unknown as Json);
    const known = this.planned.get(key);
    if (!known) {
      this.planned.set(key, { cell: asked, selected });
      return;
    }
    known.selected ||= selected;
    const has = new Set(known.cell.evaluations.map(({ set, style }) => `${set} ${style}`));
    const more = asked.evaluations.filter(({ set, style }) => !has.has(`${set} ${style}`));
    known.cell = {
      ...known.cell,
      evaluations: [...known.cell.evaluations, ...more],
      ...(asked.heldOut ? { heldOut: asked.heldOut } : {}),
      ...(asked.reading ? { reading: asked.reading } : {}),
    };
  }

  private selects(part: Parameters<Plan['add']>[0], task: TaskName): boolean {
    const { tasks, parts, ablations } = this.selection;
    if (!tasks.includes(task)) return false;
    if (typeof part === 'string') return parts.includes(part);
    return parts.includes('ablations') && part.some((ablation) => ablations.includes(ablation));
  }

  cells(): GridCell[] {
    return [...this.planned.values()].filter(({ selected }) => selected).map(({ cell }) => cell);
  }
}

/** A cell that is evaluated on every test set of its task, in the style that it was trained in. */
function evaluated(name: string, cell: Cell): GridCell {
  const style = cellStyle(cell);
  return { name, cell, evaluations: testSetsOf(cell.task).map((set) => ({ set, style })) };
}

function planParadigms(plan: Plan, study: Study, task: TaskName): void {
  const zeroShot = paradigmCell(study, 'zero-shot', task);
  // The gain from reinforcement is measured in domain: from the base model, asked in the style of Reason-RFT-Zero too, and from stage 1.
  const inTags = { set: 'id', style: PARADIGM_PROMPTS['reason-rft-zero'] } as const;
  const bare = testSetsOf(task).map((set) => ({ set, style: PARADIGM_PROMPTS['zero-shot'] }));
  plan.add('paradigms', { name: `${task}/zero-shot`, cell: zeroShot, evaluations: [...bare, inTags] });
  for (const seed of study.profile.seeds) {
    const named = (name: string) => `${task}/${name}/seed ${seed}`;
    const stageOne = stageOneCell(study, task, seed);
    plan.add('paradigms', { name: named('stage 1'), cell: stageOne, evaluations: [inTags] });
    for (const paradigm of TRAINED_PARADIGMS) {
      plan.add('paradigms', evaluated(named(paradigm), paradigmCell(study, paradigm, task, seed)));
    }
  }
}

function planEfficiency(plan: Plan, study: Study, task: TaskName): void {
  for (const rows of efficiencyRows(study, task)) {
    for (const seed of efficiencySeeds(study, rows, task)) {
      for (const paradigm of EFFICIENCY_PARADIGMS) {
        const named = (name: string) => `${task}/${name}/${rows} rows/seed ${seed}`;
        const cell = efficiencyCell(study, paradigm, rows, task, seed);
        plan.add('efficiency', evaluated(named(paradigm), cell), named('stage 1'));
      }
    }
  }
}

function planAblations(plan: Plan, study: Study, task: TaskName): void {
  for (const seed of study.profile.ablations.seeds) {
    const named = (name: string) => `${task}/ablation/${name}/seed ${seed}`;
    // The base comes first, so that no ablation gives its name to a cell that all of them share.
    plan.add(ABLATIONS, evaluated(named('base'), ablationBase(study, task, seed)), `${task}/stage 1/seed ${seed}`);
    for (const { ablation, setting, cell } of ablationCells(study, task, seed)) {
      const name = `${ablation}: ${setting}`;
      plan.add([ablation], evaluated(named(name), cell), named(`${name}, stage 1`));
      const heldOut = startMeasure(study, task);
      if (heldOut && ablation === 'Start checkpoint' && cell.start !== 'base') {
        plan.add([ablation], { name: named(name), cell: cell.start, evaluations: [], heldOut });
      }
    }
  }
}

/** The training seeds of controls: one is enough, as their effects are large. */
export function controlSeeds({ profile }: Study): readonly number[] {
  return profile.seeds.slice(0, 1);
}

function planControls(plan: Plan, study: Study, task: TaskName): void {
  for (const seed of controlSeeds(study)) {
    plan.add('controls', evaluated(`${task}/shuffled labels/seed ${seed}`, shuffledLabelsCell(study, task, seed)));
    // Rows of the released dataset have no solutions, as their scenes are not known.
    if (study.profile.released) continue;
    plan.add('controls', evaluated(`${task}/other words/seed ${seed}`, otherWordsCell(study, task, seed)));
  }
}

/** The models of every level: what each base model and its stage 1 would write by themselves, and what is trained from them. */
function planKnob(plan: Plan, study: Study, task: TaskName): void {
  const reading = readingSettings(study, task);
  for (const level of knobOf(study)!.levels) {
    const place = `${task}/knob/${level.name}`;
    plan.add('knob', { name: `${place}/base`, cell: knobBase(level, task), evaluations: [], reading });
    for (const seed of level.seeds) {
      const named = (name: string) => `${place}/${name}/seed ${seed}`;
      const stageOne = knobStageOne(study, level, task, seed);
      // One stage 1 is enough for a reading, as there is one base model.
      const read = seed === level.seeds[0] ? { reading } : {};
      plan.add('knob', { name: named('stage 1'), cell: stageOne, evaluations: [], ...read });
      plan.add('knob', evaluated(named('cot-sft'), knobCotSft(study, level, task, seed)));
      for (const paradigm of KNOB_DRAWERS) {
        const cell = knobGrpo(study, paradigm, level, task, seed);
        plan.add('knob', { name: named(paradigm), cell, evaluations: [] }, named('stage 1'));
      }
    }
  }
}
