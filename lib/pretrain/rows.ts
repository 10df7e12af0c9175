/** The rows of each step of pretraining: lessons as the model reads them. */
import { Random } from '../engine/random.js';
import { processedGrid, processImage } from '../model/image-processor.js';
import type { Model } from '../model/model.js';
import type { RgbImage } from '../records/image.js';
import { type LessonKind, lessonRow } from './lessons/curriculum.js';
import type { Lesson } from './lessons/lesson.js';
import { type PretrainingRow, phaseAt } from './pretrain.js';
import type { BaseModelRecipe } from './recipe.js';
import { openAlbum } from './scenes.js';

/**
 * The rows of each step, which follow from the recipe and the step. Rows of one kind form a micro-batch, since their lengths are alike.
 *
 * @param held fingerprints of scenes that must not be shown
 */
export function pretrainingRows(
  recipe: BaseModelRecipe,
  { tokenizer, imageProcessor }: Pick<Model, 'tokenizer' | 'imageProcessor'>,
  held: ReadonlySet<string>,
): (step: number) => PretrainingRow[][] {
  const album = openAlbum(recipe, held);
  const { imEnd, imagePad, visionStart, visionEnd } = tokenizer.special;
  const userOpening = tokenizer.encode('<|im_start|>user\n');
  const turnOfAssistant = tokenizer.encode('<|im_end|>\n<|im_start|>assistant\n');
  const encodeLesson = ({ question, answer }: Lesson) => ({
    question: [...tokenizer.encodePlain(question), ...turnOfAssistant],
    answer: [...tokenizer.encodePlain(answer), imEnd],
  });
  const visualTokens = (image: RgbImage) => {
    const [t, h, w] = processedGrid(image, imageProcessor);
    const count = (t * h * w) / imageProcessor.mergeSize ** 2;
    return [visionStart, ...Array<number>(count).fill(imagePad), visionEnd];
  };
  return (step) => {
    const { rows, mix } = phaseAt(recipe.phases, step).phase;
    const kinds = (Object.keys(rows) as LessonKind[]).filter((kind) => rows[kind] > 0);
    return kinds.map((kind) =>
      Array.from({ length: rows[kind] }, (_, r) => {
        const random = new Random(recipe.seed, `rows/${step}/${kind}/${r}`);
        const { images, lessons } = lessonRow(kind, random, album, mix);
        return {
          images: images.map((image) => processImage(image, imageProcessor)),
          prefix: [...userOpening, ...images.flatMap(visualTokens)],
          conversations: lessons.map(encodeLesson),
        };
      }),
    );
  };
}
