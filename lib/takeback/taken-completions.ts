/**
 * Reads the completions that other trainers log: TRL's tables (`log_completions`), ms-swift's `completions.jsonl`, and the files of verl's
 * `trainer.rollout_data_dir`. Their texts are data: they are stored as they are, and pages escape them.
 */
import { createHash } from 'node:crypto';
import { createReadStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { streamParquetRows } from '../records/parquet-rows.js';
import { isFixedColumn, type LoggedCompletion } from '../train/completions.js';
import { fieldsOf, parsePythonJson } from './python-json.js';

/** What a reader of completions has to know of the run. */
export interface CompletionContext {
  /** The names of the rewards of the run, as its metrics have them; a column of such a name holds a reward. */
  rewardNames: ReadonlySet<string>;
  /** The weights of the rewards, where the settings have them. */
  weights?: readonly number[];
  /** The completions of a prompt, where the settings have them: those of two prompts of the same words are told apart then. */
  groupSize?: number;
}

/** The completions of the steps that logged them, and the columns that a table of completions here has no place for. */
export interface TakenCompletions {
  steps: Map<number, LoggedCompletion[]>;
  leftOut: string[];
}

/** A completion as some trainer logged it. */
interface RawCompletion {
  [column: string]: unknown;
}

/** Columns that hold the row's id, and those that hold its answer, by the names that trainers and data give them. */
const [ID_COLUMNS, SOLUTION_COLUMNS] = [
  ['id', 'row_id'],
  ['solution', 'answer', 'gts', 'ground_truth'],
];

/** Columns with a place of their own. */
const READ = new Set([
  ...['step', 'gen_step', 'prompt', 'input', 'completion', 'output', 'advantage', 'advantages', 'reward', 'score'],
  ...ID_COLUMNS,
  ...SOLUTION_COLUMNS,
]);

/** Reads TRL's tables. @param files `completions_00012.parquet`, ... @throws Error naming a file that cannot be read */
export async function readTrlCompletions(
  files: readonly string[],
  context: CompletionContext,
): Promise<TakenCompletions> {
  const taken: TakenCompletions = { steps: new Map(), leftOut: [] };
  for (const file of files) {
    const rows: RawCompletion[] = [];
    for await (const { json } of streamParquetRows(file)) rows.push(json as RawCompletion);
    addStep(taken, file, Number(/(\d+)\.parquet$/.exec(file)![1]), rows, context);
  }
  return taken;
}

/** Reads the lines of ms-swift's `completions.jsonl`: a table of lists each, or a completion each. @throws Error naming a broken line */
export async function readSwiftCompletions(file: string, context: CompletionContext): Promise<TakenCompletions> {
  const taken: TakenCompletions = { steps: new Map(), leftOut: [] };
  const ofStep = new Map<number, RawCompletion[]>();
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Infinity })) {
    number++;
    if (line.trim() === '') continue;
    const table = fieldsOf(parseLine(file, number, line));
    if (!table) throw new Error(`${file}, line ${number} holds no completions; copy the file anew, or remove the line`);
    const rows = Array.isArray(table.completion) ? rowsOfColumns(table) : [table];
    for (const completion of rows) {
      const step = Number(completion.step ?? completion.gen_step);
      // A run that was resumed logs steps again, behind those of its first start; a table replaces the earlier one of its step.
      const before = Array.isArray(table.completion) && completion === rows[0] ? [] : (ofStep.get(step) ?? []);
      ofStep.set(step, [...before, completion]);
    }
  }
  for (const [step, rows] of ofStep) addStep(taken, file, step, rows, context);
  return taken;
}

/** Reads the files of verl's `trainer.rollout_data_dir`. @param files `12.jsonl`, ... @throws Error naming a broken line */
export async function readVerlRollouts(
  files: readonly string[],
  context: CompletionContext,
): Promise<TakenCompletions> {
  const taken: TakenCompletions = { steps: new Map(), leftOut: [] };
  for (const file of files) {
    const lines = readFileSync(file, 'utf8').split('\n');
    const rows = lines.flatMap((line, i) => {
      if (line.trim() === '') return [];
      const row = fieldsOf(parseLine(file, i + 1, line));
      if (!row) throw new Error(`${file}, line ${i + 1} holds no completion; copy the file anew, or remove the line`);
      return [withoutPrefix(row)];
    });
    // verl names no rewards: every number beside the score is one that the reward function gave for the completion.
    const numbers = new Set(rows.flatMap((row) => Object.keys(row).filter((name) => typeof row[name] === 'number')));
    const rewardNames = new Set([...numbers].filter((name) => !READ.has(name) && !isFixedColumn(name)));
    addStep(taken, file, Number(path.basename(file, '.jsonl')), rows, { ...context, rewardNames, weights: undefined });
  }
  return taken;
}

/** The rewards of a folder that the kit has handed over to verl are called `rewards/NAME` there (`handover/verl/kit_rewards.py`). */
function withoutPrefix(row: RawCompletion): RawCompletion {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name.replace(/^rewards\//, ''), value]));
}

/** @throws Error naming the line when it is no JSON */
function parseLine(file: string, number: number, line: string): unknown {
  try {
    return parsePythonJson(line);
  } catch (error) {
    throw new Error(
      `${file}, line ${number} is no JSON (${(error as Error).message}); copy the file anew, or remove the line`,
    );
  }
}

function rowsOfColumns(table: { [column: string]: unknown }): RawCompletion[] {
  const columns = Object.entries(table).filter(([, values]) => Array.isArray(values)) as [string, unknown[]][];
  const count = (table.completion as unknown[]).length;
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[i]])),
  );
}

/** @throws Error where a completion has no text, or a step no number */
function addStep(
  taken: TakenCompletions,
  file: string,
  step: number,
  rows: readonly RawCompletion[],
  context: CompletionContext,
): void {
  if (!Number.isInteger(step)) throw new Error(`${file}: a completion does not say its step; copy the file anew`);
  const { rewardNames, weights, groupSize } = context;
  const names = [...rewardNames].filter((name) => !isFixedColumn(name) && rows.some((row) => name in row));
  const isHandedOver = rows.every((row) => 'id' in row && 'text' in row);
  const read = new Set([...READ, ...names, ...(isHandedOver ? ['text'] : [])]);
  for (const name of new Set(rows.flatMap((row) => Object.keys(row))))
    if (!read.has(name) && !taken.leftOut.includes(name)) taken.leftOut.push(name);
  const completions = rows.map((row, i): LoggedCompletion => {
    const prompt = textOf(row.prompt ?? row.input);
    // A folder that the kit has handed over to TRL logs the text as the rewards read it, beside the row's id.
    const completion = textOf((isHandedOver ? row.text : undefined) ?? row.completion ?? row.output);
    if (prompt === undefined || completion === undefined)
      throw new Error(
        `${file}, completion ${i + 1} has no prompt or no text; copy the file anew, or move it away to take the run back without it`,
      );
    const solution = textOf(firstOf(row, SOLUTION_COLUMNS)) ?? '';
    const rewards = Object.fromEntries(names.map((name) => [name, numberOf(row[name])]));
    return {
      step,
      id: textOf(firstOf(row, ID_COLUMNS)) ?? groupName(prompt, solution, groupSize && Math.floor(i / groupSize)),
      ...{ prompt, solution, completion, rewards },
      reward: numberOf(row.reward ?? row.score) ?? weightedSum(Object.values(rewards), weights),
      advantage: numberOf(row.advantage ?? row.advantages),
      tokens: null,
      ended: null,
    };
  });
  taken.steps.set(step, completions);
}

/** The sum of the rewards that apply, as TRL takes it; null where none does, or where nobody knows their weights. */
function weightedSum(rewards: readonly (number | null)[], weights: readonly number[] | undefined): number | null {
  if (rewards.every((reward) => reward === null) || weights?.length !== rewards.length) return null;
  return rewards.reduce<number>((sum, reward, i) => sum + (reward ?? 0) * weights[i]!, 0);
}

/** A name for a prompt whose row has no id in the log: eight digits of its digest, and its place in the step where that is known. */
function groupName(prompt: string, solution: string, place: number | undefined): string {
  const digest = createHash('sha256')
    .update(JSON.stringify([prompt, solution]))
    .digest('hex')
    .slice(0, 8);
  return place === undefined ? digest : `${digest} ${place + 1}`;
}

function firstOf(row: RawCompletion, columns: readonly string[]): unknown {
  const column = columns.find((name) => row[name] !== undefined && row[name] !== null);
  return column === undefined ? undefined : row[column];
}

/** A text, a number as text, or a conversation as text: each turn's role, then what it says. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (!Array.isArray(value)) return value === undefined || value === null ? undefined : JSON.stringify(value);
  const turns = value.map((turn) => fieldsOf(turn) ?? {});
  const said = turns.map(({ content }) =>
    Array.isArray(content) ? content.map(partText).join('') : (textOf(content) ?? ''),
  );
  // A completion is one turn of the assistant.
  if (turns.length === 1 && turns[0]!.role === 'assistant') return said[0]!;
  return turns.map(({ role }, i) => `${textOf(role) ?? ''}\n${said[i]}`).join('\n');
}

/** A part of what a turn says: a text, or the place of a picture. */
function partText(part: unknown): string {
  const { type, text } = fieldsOf(part) ?? {};
  return typeof text === 'string' ? text : typeof type === 'string' ? `<${type}>` : (textOf(part) ?? '');
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'boolean' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
}
