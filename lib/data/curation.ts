/** Curation: it decides which rows of chain-of-thought data may be trained on, and says why the others may not. */
import type { Random } from '../engine/random.js';
import type { TaskRecord } from '../records/record.js';
import type { DrawnTask } from '../tasks/task.js';
import { taskNamed } from '../tasks/tasks.js';

/** The checks in the order in which they are made. The first check that a row fails drops it. */
export const CURATION_CHECKS = ['format', 'arithmetic', 'truth', 'duplicate', 'leakage', 'balance'] as const;
export type CurationCheck = (typeof CURATION_CHECKS)[number];

/** A row that was dropped. */
export interface DroppedRow {
  id: string;
  check: CurationCheck;
  reason: string;
}

/** What curation keeps, and what it drops with the reason. */
export interface Curation {
  kept: TaskRecord[];
  dropped: DroppedRow[];
}

/** The task's own checks, the scenes and questions that must not be trained on, and the balance of answers. */
export interface CurationRules
  extends Pick<DrawnTask, 'answerFault' | 'rederive' | 'solve' | 'sceneFingerprint' | 'questionFingerprint'> {
  /** The fingerprints of the scenes and questions of all test sets, which must not be trained on. */
  held: { scenes: ReadonlySet<string>; questions: ReadonlySet<string> };
  /**
   * The largest share of one answer among the kept rows of its question family, in (0, 1]. Rows beyond it are dropped. A family with
   * too few answers for that share keeps each of them equally often.
   */
  largestShare: number;
}

/** Makes every check on every row. The outcome depends on the rows and their order alone. */
export function curate(records: readonly TaskRecord[], rules: CurationRules): Curation {
  const dropped: DroppedRow[] = [];
  const seen = new Map<string, string>();
  const sound = records.filter((record) => {
    const failure = checkRow(record, rules, seen);
    if (failure) dropped.push({ id: record.id, ...failure });
    return !failure;
  });
  const surplus = findSurplus(sound, rules.largestShare);
  for (const [{ id }, reason] of surplus) dropped.push({ id, check: 'balance', reason });
  const kept = sound.filter((record) => !surplus.has(record));
  return { kept, dropped };
}

function checkRow(
  record: TaskRecord,
  rules: CurationRules,
  seen: Map<string, string>,
): { check: CurationCheck; reason: string } | undefined {
  const { cot, answer } = record;
  if (cot.trim() === '') return { check: 'format', reason: 'the rationale is empty' };
  if (/<\/?(think|answer)>/.test(cot + answer))
    return { check: 'format', reason: 'a tag stands inside rationale or answer' };
  const fault = rules.answerFault(answer);
  if (fault) return { check: 'format', reason: `the answer '${answer}' is ${fault}` };
  const derived = rules.rederive(cot, record.problem);
  if ('reason' in derived) return { check: 'arithmetic', reason: derived.reason };
  if (derived.answer !== answer) {
    return { check: 'arithmetic', reason: `the rationale leads to ${derived.answer}, but the answer is ${answer}` };
  }
  const truth = rules.solve(record);
  if (truth !== answer) return { check: 'truth', reason: `the scene gives ${truth}, but the answer is ${answer}` };
  const scene = rules.sceneFingerprint(record);
  const key = `${scene} ${record.problem}`;
  const earlier = seen.get(key);
  if (earlier !== undefined) return { check: 'duplicate', reason: `the same scene and question as ${earlier}` };
  seen.set(key, record.id);
  if (rules.held.scenes.has(scene)) return { check: 'leakage', reason: 'the scene is part of a test set' };
  if (rules.held.questions.has(rules.questionFingerprint(record))) {
    return { check: 'leakage', reason: 'a test set asks the same of the same things' };
  }
  return undefined;
}

/** The rows whose answer is too frequent in their family, each with the reason. Earlier rows stay. */
function findSurplus(records: readonly TaskRecord[], largestShare: number): Map<TaskRecord, string> {
  const surplus = new Map<TaskRecord, string>();
  for (const [family, rows] of groupBy(records, (record) => record.family)) {
    const answers = groupBy(rows, (record) => record.answer);
    const share = Math.max(largestShare, 1 / answers.size);
    const most = mostOfOne(
      [...answers.values()].map((same) => same.length),
      share,
    );
    for (const [answer, same] of answers) {
      for (const record of same.slice(most)) {
        surplus.set(record, `answer ${answer} is more than ${Math.round(100 * share)} % of '${family}'`);
      }
    }
  }
  return surplus;
}

/** The largest cap under which no count exceeds its share of the kept rows, rounded up. Each row dropped lowers the total too. */
function mostOfOne(counts: readonly number[], share: number): number {
  for (let most = Math.max(...counts); ; ) {
    const kept = counts.reduce((sum, count) => sum + Math.min(count, most), 0);
    const next = Math.ceil(kept * share);
    if (next >= most) return most;
    most = next;
  }
}

function groupBy<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(key(item));
    if (group) group.push(item);
    else groups.set(key(item), [item]);
  }
  return groups;
}

/**
 * Spoils a share of the rows as a careless annotator would, each in one of its task's ways. This shows what curation catches, and makes
 * the uncurated rows of an ablation.
 */
export function corruptRecords(records: readonly TaskRecord[], share: number, random: Random): TaskRecord[] {
  return records.flatMap((record) => (random.chance(share) ? taskNamed(record.task).spoil(record, random) : [record]));
}
