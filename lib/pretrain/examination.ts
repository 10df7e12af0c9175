/** Examinations of the base model while it is pretrained: held-out pictures of every look, with a caption and a short question each. */
import { Random } from '../engine/random.js';
import { encodePrompt, type Model } from '../model/model.js';
import { GREEDY } from '../model/sampling.js';
import type { RgbImage } from '../records/image.js';
import { mean } from '../train/advantage.js';
import type { EvaluationSchedule } from '../train/loop.js';
import type { Metrics } from '../train/metrics.js';
import { LOOKS, type PretrainingLook } from './lessons/curriculum.js';
import type { Lesson } from './lessons/lesson.js';

/** A held-out question: the pictures, what is asked, the right answer. */
export interface ExaminationItem extends Lesson {
  look: PretrainingLook;
  kind: 'caption' | 'short';
  images: RgbImage[];
  /** The fingerprint of the scene that is asked about. */
  fingerprint: string;
}

const LOOK_NAMES = Object.keys(LOOKS) as PretrainingLook[];

/** Draws `count` pictures of each look. Each is asked for its caption and one short question. */
export function examinationItems(count: number): ExaminationItem[] {
  return LOOK_NAMES.flatMap((look) =>
    Array.from({ length: count }, (_, i): ExaminationItem[] => {
      const random = new Random(0, `pretraining/examination/${look}/${i}`);
      const { images, fingerprint, caption, short } = LOOKS[look](random);
      return [
        { look, kind: 'caption', images, fingerprint, ...caption },
        { look, kind: 'short', images, fingerprint, ...short },
      ];
    }).flat(),
  );
}

/** The longest answer to an examination question, in tokens: a caption of eight objects. */
const LONGEST_ANSWER = 48;
/** The number of questions that are answered together. */
const BATCH = 128;

/**
 * Makes the evaluation that examines the model every `every` steps. Its metrics are the shares of items that the model answers right to the
 * letter, by kind and look. Its score is the mean of the captions' shares.
 */
export function scheduleExaminations(
  model: Model,
  items: readonly ExaminationItem[],
  every: number,
): EvaluationSchedule {
  return {
    every,
    measure: async (parameters) => {
      const right: boolean[] = [];
      for (let first = 0; first < items.length; first += BATCH) {
        const batch = items.slice(first, first + BATCH);
        const prompts = batch.map(({ images, question }) => encodePrompt(model, images, question));
        const settings = { ...GREEDY, maxNewTokens: LONGEST_ANSWER, completions: 1, seed: 0 };
        for (const [i, group] of model.generator.generate(parameters, prompts, settings).entries()) {
          const { tokens, ended } = group[0]!;
          right.push(ended && model.tokenizer.decode(tokens.slice(0, -1)) === batch[i]!.answer);
        }
      }
      const share = (look: PretrainingLook, kind: ExaminationItem['kind']) =>
        mean(right.filter((_, i) => items[i]!.look === look && items[i]!.kind === kind).map(Number));
      const metrics: Metrics = {};
      for (const look of LOOK_NAMES) {
        metrics[`caption/${look}`] = share(look, 'caption');
        metrics[`short/${look}`] = share(look, 'short');
      }
      return { metrics, score: mean(LOOK_NAMES.map((look) => metrics[`caption/${look}`]!)) };
    },
  };
}
