/** The results of a study, in the shapes that tables and figures draw from, and the file `results.json` that holds them. */

import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { readJsonFile } from '../../engine/read-json.js';
import type { Estimate } from '../../evaluate/over-seeds.js';
import { TASK_NAMES, type TaskName, type TestSet, testSetsOf } from '../../tasks/tasks.js';
import type { EfficiencyParadigm } from '../design/data-efficiency.js';
import { PARADIGMS, type Paradigm } from '../design/paradigms.js';
import type { StudySelection } from '../design/study-grid.js';
import type { Rationales } from '../profile.js';
import type { Study } from '../workspace.js';
import type { KnobResults } from './knob-results.js';

export type { Estimate };

/** The difference of two shares on the same items, seed by seed; in [-1, 1], positive where the first is higher. */
export type Difference = Estimate;

/** One paradigm on one test set. */
export interface ParadigmResult {
  task: TaskName;
  paradigm: Paradigm;
  testSet: TestSet;
  accuracy: Estimate;
  /** Share of completions in the format that the prompt asks for. */
  formatted: Estimate;
  /** The seeds that are finished; zero-shot, which trains nothing, has none. */
  seeds: number[];
  /** Rows that its stages train on, all together. */
  trainingRows: number;
  /** Seconds of training steps of one seed, its stages together; the mean over seeds. */
  wallSeconds: number;
  /** Tokens trained on or generated in training by one seed; the mean over seeds. */
  tokens: number;
}

/** One of the paper's trained paradigms at one number of training rows. */
export interface EfficiencyPoint {
  task: TaskName;
  paradigm: EfficiencyParadigm;
  /** Training rows of all its stages together. */
  rows: number;
  testSet: TestSet;
  accuracy: Estimate;
  seeds: number[];
}

/** One setting of one ablation on one test set. Points stand in the order in which figures show them. */
export interface AblationPoint {
  task: TaskName;
  /** The ablation's name in figures: `Group size`. */
  ablation: string;
  /** Such as `G = 8`. */
  setting: string;
  /** Whether this is the setting that the ablation's other settings are compared with. It is one cell in every ablation. */
  base: boolean;
  testSet: TestSet;
  accuracy: Estimate;
  formatted: Estimate;
  seeds: number[];
  /** Accuracy minus that of the base, on the same items and seeds; absent for the base itself, and where the base is not finished. */
  difference?: Difference;
  /** pass@k of the checkpoint that GRPO starts from, on held-out rows, where the ablation chooses by it. */
  startPassAtK?: Estimate;
}

/** The findings of one ablation on one task, in sentences that follow from its points. */
export interface AblationFinding {
  task: TaskName;
  ablation: string;
  text: string;
}

/**
 * - `holds`: the 95 % intervals do not overlap, and lie as claimed
 * - `contradicted`: they do not overlap, and lie the other way round
 * - `not shown`: they overlap
 * - `missing`: cells that it needs are not finished
 */
export type Verdict = 'holds' | 'not shown' | 'contradicted' | 'missing';

/** One of the comparisons that a claim rests on. */
export interface ClaimComparison {
  testSet: TestSet;
  /** The side that the claim puts above, such as `Reason-RFT`. */
  first: string;
  /** The side that the claim puts below. */
  second: string;
  firstAccuracy: Estimate;
  secondAccuracy: Estimate;
  /** First minus second on the same items, seed by seed. */
  difference: Difference;
  /** Exact McNemar test, two-sided, seed by seed; items count as right at a score of 1. */
  pValues: number[];
  verdict: Exclude<Verdict, 'missing'>;
}

/** The paper's three claims: Reason-RFT is ahead out of domain, it is ahead with 5 % of the data, and GRPO raises its reward. */
export type ClaimName = 'generalization' | 'data efficiency' | 'reinforcement';

/** Whether a claim holds on a task. It does where each of its comparisons does. */
export interface ClaimVerdict {
  task: TaskName;
  claim: ClaimName;
  /** The claim in words. */
  statement: string;
  verdict: Verdict;
  /** The verdict with its numbers in a plain sentence. */
  text: string;
  comparisons: ClaimComparison[];
  /** Further comparisons of the same kind, which are no part of the verdict. Absent where a claim has none. */
  beside?: ClaimComparison[];
}

/** One metric of one paradigm's GRPO over its steps. */
export interface TrainingCurve {
  paradigm: 'reason-rft-zero' | 'reason-rft';
  /** `accuracy` and `format`: the mean rewards of sampled completions; `length`: their mean tokens. */
  metric: 'accuracy' | 'format' | 'length';
  seeds: number[];
  /** `[seed][step]`; the first step is the start checkpoint's. */
  perSeed: number[][];
  /** `[step]`, over seeds, as far as all of them go. */
  mean: number[];
}

export const PHENOMENA = ['transient adaptation gap', 'greedy reward stratification', 'reasoning redundancy'] as const;
export type PhenomenonName = (typeof PHENOMENA)[number];

/** One of the paper's three observations of training, looked for in our runs. */
export interface Phenomenon {
  task: TaskName;
  phenomenon: PhenomenonName;
  /** The paper's observation, in a sentence. */
  paper: string;
  /** Seen in the mean over seeds by more than the noise; null where the runs that it needs are not finished. */
  seen: boolean | null;
  /** The observation of our runs, with its numbers. */
  text: string;
  /** The curves that show it, of both paradigms. */
  curves: TrainingCurve[];
}

/** The score of a model whose training labels belong to other questions. */
export interface ControlResult {
  task: TaskName;
  control: 'shuffled labels';
  testSet: TestSet;
  accuracy: Estimate;
  seeds: number[];
  /** The score that needs no picture: that of the best constant answer to each of the test set's question families. */
  chance: number;
  /** Whether the interval reaches down to chance. A score above chance means that the answers leak. */
  holds: boolean;
  text: string;
}

/** CoT-SFT on the same rows, once with rationales in an annotator's words and once in the base model's own. */
export interface WordsResult {
  task: TaskName;
  testSet: TestSet;
  /** Which of the two the study trains on; the other is the control. Absent from results of the first edition, which did not say. */
  studied?: Rationales;
  annotators: Estimate;
  own: Estimate;
  seeds: number[];
  /** Own minus annotator's on the same items, seed by seed. */
  difference: Difference;
  text: string;
}

/** Whether any test item occurs among the rows that any cell trains on. */
export interface LeakageResult {
  task: TaskName;
  /** Test items of all sets. */
  testItems: number;
  /** Distinct rows that any cell trains on. */
  trainingRows: number;
  /** Test items whose scene one of those rows shows. */
  sharedScenes: number;
  /** Test items whose question one of those rows asks about the same things. */
  sharedQuestions: number;
  /** Test items whose scene a base model has seen in pretraining; absent of released rows, whose base model nobody here has pretrained. */
  pretrainedScenes?: number;
}

/** All results of a study. Results whose cells are missing are left out, never guessed. */
export interface StudyResults {
  profile: string;
  /** Training seeds; the data are one draw for all of them. */
  seeds: number[];
  /** The kit's commit, with `-dirty` if tracked files were changed; null outside a repository. */
  commit: string | null;
  /** The part of the study that these results are of; absent where they are of the whole. */
  selection?: StudySelection;
  paradigms: ParadigmResult[];
  efficiency: EfficiencyPoint[];
  ablations: AblationPoint[];
  findings: AblationFinding[];
  claims: ClaimVerdict[];
  phenomena: Phenomenon[];
  controls: ControlResult[];
  words: WordsResult[];
  leakage: LeakageResult[];
  /** Absent of a study without a knob, or before anything of it is finished. */
  knob?: KnobResults;
  /** Names of the grid's cells that are not trained or not evaluated yet. */
  missing: string[];
}

/** Where a study's results are written. */
export function resultsFile(study: Study): string {
  return path.join(study.folder, 'results.json');
}

/** Writes the results of a study, the file whole or not at all. */
export function writeResults(study: Study, results: StudyResults): string {
  const file = resultsFile(study);
  writeFileAtomic(file, `${JSON.stringify(results, null, 2)}\n`);
  return file;
}

/**
 * Reads the results that a study's folder holds.
 *
 * @throws Error where there are none, or where they are an earlier version's, saying what makes them
 * @throws Error where they name a task, test set, paradigm or phenomenon that this code does not know
 */
export function readResults(study: Study): StudyResults {
  const file = resultsFile(study);
  const command = `npx reason-rft results --profile ${study.profile.name}`;
  if (!existsSync(file)) throw new Error(`${file} does not exist yet: run '${command}' first`);
  const results = readJsonFile<StudyResults>(file, `run '${command}' again`);
  if (!results.words) throw new Error(`${file} was written by an earlier version: run '${command}' again`);
  checkNames(results, file);
  return results;
}

/** Refuses names that tables and figures do not know, which they would leave out without a word. */
function checkNames(results: StudyResults, file: string): void {
  const { knob, ...others } = results;
  for (const [list, rows] of Object.entries({ ...others, ...knob })) {
    if (!Array.isArray(rows)) continue;
    rows.forEach((row: unknown, index) => {
      if (typeof row !== 'object' || row === null) return;
      const named = row as { task?: TaskName; testSet?: string; paradigm?: string; phenomenon?: string };
      const check = (field: keyof typeof named, known: readonly string[]) => {
        const name = named[field];
        if (name !== undefined && !known.includes(name))
          throw new Error(`${file}: ${list}[${index}].${field} is '${name}'; known are ${known.join(', ')}`);
      };
      check('task', TASK_NAMES);
      if (named.task !== undefined) check('testSet', testSetsOf(named.task));
      check('paradigm', PARADIGMS);
      check('phenomenon', PHENOMENA);
    });
  }
}
