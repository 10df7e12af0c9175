/** Reads ms-swift's `logging.jsonl` (swift/trainers/patcher.py, swift/megatron/callbacks/print.py; read at 4.6.0). */
import { readFileSync } from 'node:fs';
import { fieldsOf, parsePythonJson } from './python-json.js';
import type { StepLog } from './step-log.js';
import type { LoggedRun } from './transformers-log.js';

/** Texts such as `12/400`: the step, and those of the whole run. Megatron's trainers call it `iteration`. */
const PROGRESS_FIELDS = ['global_step/max_steps', 'iteration'];

/** Texts that change with the clock and are no metrics. */
const CLOCK_FIELDS = ['elapsed_time', 'remaining_time', 'percentage'];

/**
 * Adds the lines of a `logging.jsonl`. The lines of a run that was resumed stand behind those of its first start; of a step that is there
 * twice the later numbers stay. The last line, about the run as a whole, has no step.
 *
 * @throws Error naming the file and a line that is not as ms-swift writes it
 */
export function addSwiftLog(log: StepLog, file: string): LoggedRun {
  let steps: number | undefined;
  let before: { step: number; seconds: number } | undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const row = readLine(file, i, line, i === lines.length - 1);
    if (!row || 'log_history' in row || 'model_info' in row) continue;
    const field = PROGRESS_FIELDS.find((name) => typeof row[name] === 'string');
    const [, done, whole] = /^(\d+)\/(\d+)$/.exec(String(field && row[field])) ?? [];
    if (done === undefined) {
      throw new Error(
        `${file}, line ${i + 1} does not say its step (${PROGRESS_FIELDS.join(' or ')}): ${line.slice(0, 120)}; copy the file anew, ` +
          'or remove the line',
      );
    }
    const step = Number(done);
    steps = Number(whole);
    const seconds = secondsOf(row.elapsed_time);
    const left = [...PROGRESS_FIELDS, ...CLOCK_FIELDS, 'train_runtime'];
    if (!('train_runtime' in row))
      log.add(step, Object.fromEntries(Object.entries(row).filter(([name]) => !left.includes(name))));
    if (seconds !== undefined && (before === undefined || step > before.step)) {
      // A resumed run counts its seconds from its own start.
      const since = before !== undefined && seconds > before.seconds ? before : { step: 0, seconds: 0 };
      if (before === undefined || since.step > 0)
        log.add(step, { step_time: (seconds - since.seconds) / (step - since.step) });
      before = { step, seconds };
    }
  }
  return { steps };
}

function readLine(
  file: string,
  index: number,
  line: string,
  isLast: boolean,
): { [field: string]: unknown } | undefined {
  let value: unknown;
  try {
    value = parsePythonJson(line);
  } catch {
    // The writer may still be at the last line.
    if (isLast) return undefined;
  }
  const row = fieldsOf(value);
  if (row) return row;
  throw new Error(
    `${file}, line ${index + 1} is no JSON of a step: ${line.slice(0, 120)}; copy the file anew, or remove the line`,
  );
}

/** Seconds of a text such as `1h 2m 3s` (swift/utils/utils.py, `format_time`). */
function secondsOf(text: unknown): number | undefined {
  if (typeof text !== 'string' || !/^(\d+[dhms] ?)+$/.test(text)) return undefined;
  const units = { d: 86_400, h: 3600, m: 60, s: 1 };
  const parts = [...text.matchAll(/(\d+)([dhms])/g)];
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * units[unit as keyof typeof units], 0);
}
