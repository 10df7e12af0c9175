/** A request to the reward server: its check, and the questions to the rewards that it makes. */
import type { RowFiles } from '../records/open-rows.js';
import { readPicture } from '../records/picture.js';
import type { DataRow } from '../records/record.js';
import type { Reward, RewardInput } from '../rewards/reward.js';
import type { ScoredCompletion } from '../train/score-completions.js';

/** The most completions of one request. */
const MOST_COMPLETIONS = 100_000;

/** What is wrong with a request, and in which field. */
export class BadRequest extends Error {
  constructor(
    /** Such as `ids[3]`. */
    readonly field: string,
    problem: string,
  ) {
    super(`${field}: ${problem}`);
  }
}

/** Rows by their ids, with what reads their pictures. */
export type RowsById = ReadonlyMap<string, { row: DataRow; images: ScoredCompletion['images'] }>;

/** The rows of a file by their ids. */
export function rowsById({ records, files }: RowFiles<DataRow>): RowsById {
  return new Map(
    records.map((row, i) => [row.id, { row, images: () => Promise.all(files[i]!.map((file) => readPicture(file))) }]),
  );
}

/** What a request may leave out, by its name there and in `RewardInput`. */
const OPTIONAL = { prompts: 'prompt', tokens: 'tokens', cut: 'cut', step: 'step' } as const;
const FIELDS = ['ids', 'rows', 'completions', ...Object.keys(OPTIONAL)];

/** The questions of a request. */
export interface ScoreRequest {
  questions: ScoredCompletion[];
  /** The fields of `RewardInput` that the request does not bring. */
  missing: string[];
}

/**
 * Reads a request: a list of `completions` and, of the same length, `ids` of rows or whole `rows`. It may have `prompts`, `tokens` and
 * `cut` of each completion, and the `step`, the first of which is 1. Completions of the same row are one group.
 *
 * @throws BadRequest naming the field
 */
export function readScoreRequest(body: unknown, rows: RowsById): ScoreRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new BadRequest('body', 'must be a JSON object');
  const request = body as { [field: string]: unknown };
  const unknown = Object.keys(request).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined)
    throw new BadRequest(unknown, `is no field of a request; the fields are ${FIELDS.join(', ')}`);
  const completions = listOf(request, 'completions', isText, 'a text');
  if (completions.length > MOST_COMPLETIONS) throw new BadRequest('completions', `may be at most ${MOST_COMPLETIONS}`);
  const count = completions.length;
  const sources = readRows(request, count, rows);
  const prompts = optionalList(request, 'prompts', count, isText, 'a text');
  const tokens = optionalList(request, 'tokens', count, isCount, 'a whole number of 0 or more');
  const cut = optionalList(request, 'cut', count, isSwitch, 'true or false');
  const { step } = request;
  if (step !== undefined && !isCount(step)) throw new BadRequest('step', 'must be a whole number of 0 or more');
  const groups = new Map<string, string[]>();
  sources.forEach(({ row }, i) => {
    const group = groups.get(row.id);
    if (group) group.push(completions[i]!);
    else groups.set(row.id, [completions[i]!]);
  });
  const questions = completions.map((completion, i) => {
    const { row, images } = sources[i]!;
    return {
      ...{ completion, row, images, group: groups.get(row.id)!, randomKey: `${step ?? ''}/${row.id}/${i}` },
      ...{ prompt: prompts?.[i], tokens: tokens?.[i], cut: cut?.[i], step },
    } as ScoredCompletion;
  });
  const missing = Object.entries(OPTIONAL).flatMap(([field, name]) => (request[field] === undefined ? [name] : []));
  return { questions, missing };
}

/** Lets a reward throw when it reads a field that was not sent: none computes with a number that nobody gave. */
export function refuseMissing(reward: Reward, missing: readonly string[]): Reward {
  if (missing.length === 0) return reward;
  const guard = (input: RewardInput) => {
    for (const field of missing)
      Object.defineProperty(input, field, {
        get: () => {
          const sent = field === 'prompt' ? 'prompts' : field;
          throw new Error(`it reads '${field}', and the request has no '${sent}'`);
        },
      });
    return input;
  };
  if (typeof reward === 'function') return (input) => reward(guard(input));
  return { batch: (inputs) => reward.batch(inputs.map(guard)) };
}

function readRows(request: { [field: string]: unknown }, count: number, rows: RowsById) {
  if ((request.ids === undefined) === (request.rows === undefined))
    throw new BadRequest('ids', "give either 'ids', of the rows that the server has, or whole 'rows'");
  if (request.ids !== undefined)
    return sized(listOf(request, 'ids', isText, 'a text'), 'ids', count).map((id, i) => {
      const known = rows.get(id);
      if (!known) throw new BadRequest(`ids[${i}]`, `the server has no row '${id}'; it has ${rows.size} rows`);
      return known;
    });
  const isRow = (value: unknown): value is DataRow =>
    typeof value === 'object' && value !== null && isText((value as DataRow).id) && isText((value as DataRow).answer);
  const sent = listOf(request, 'rows', isRow, "an object with the texts 'id' and 'answer'");
  return sized(sent, 'rows', count).map((row) => ({ row, images: refusePictures }));
}

/** @throws Error always */
async function refusePictures(): Promise<never> {
  throw new Error('rows that come with a request have no pictures; start the server with --data and send ids');
}

function optionalList<T>(
  request: { [field: string]: unknown },
  field: string,
  count: number,
  holds: (value: unknown) => value is T,
  what: string,
): readonly T[] | undefined {
  return request[field] === undefined ? undefined : sized(listOf(request, field, holds, what), field, count);
}

function listOf<T>(
  request: { [field: string]: unknown },
  field: string,
  holds: (value: unknown) => value is T,
  what: string,
): T[] {
  const list = request[field];
  if (!Array.isArray(list)) throw new BadRequest(field, `must be a list, each entry ${what}`);
  const bad = list.findIndex((entry) => !holds(entry));
  if (bad >= 0) throw new BadRequest(`${field}[${bad}]`, `must be ${what}`);
  return list as T[];
}

function sized<T>(list: readonly T[], field: string, count: number): readonly T[] {
  if (list.length === count) return list;
  throw new BadRequest(field, `has ${list.length} entries, and there are ${count} completions`);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}

function isSwitch(value: unknown): value is boolean {
  return typeof value === 'boolean';
}
