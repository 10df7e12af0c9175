/** What is worth knowing of rows before they are trained on: lengths in tokens, sizes of pictures, the balance of answers, split words. */
import { type ChatTemplate, loadChatTemplate } from '../../model/chat-template.js';
import type { ImageProcessor } from '../../model/image-processor.js';
import { promptTokens } from '../../model/model.js';
import { loadTokenizer, type Tokenizer } from '../../model/tokenizer.js';
import type { OpenRow } from '../../records/open-rows.js';
import type { DataRow } from '../../records/record.js';
import { type AskedPrompt, type PromptOptions, promptWriter, WHOLE_TEXTS } from '../../tasks/asked-prompt.js';
import { taskOfRow } from '../../tasks/tasks.js';
import { baseFolder, type CheckedPicture } from './check-pictures.js';
import { type SplitWord, WordCounter } from './split-words.js';

/** A row with its pictures as they were decoded. */
export interface CheckedRow extends OpenRow {
  checkedPictures: CheckedPicture[];
}

/** The least, the mean and the most of what was counted. */
export interface Spread {
  least: number;
  mean: number;
  most: number;
  /** The id of the first row that has the most. */
  row: string;
}

/** The numbers of a set of rows. */
export interface RowStatistics {
  pictures: {
    /** Rows without a picture. */
    rowsWithout: number;
    /** The least and the most pixels, as `[width, height]`. */
    smallest: [number, number] | null;
    largest: [number, number] | null;
  };
  /** Tokens of a row: its pictures, the whole prompt with them, the answer, the rationale. Null if no row has any. */
  tokens: { [part in 'pictures' | 'prompt' | 'answer' | 'rationale']: Spread | null };
  /** Rows without a rationale, which SFT on rationales refuses. */
  rowsWithoutRationale: number;
  /** The number of different answers, and the most frequent ones. */
  answers: { different: number; most: { answer: string; rows: number }[] };
  /** The words that the vocabulary splits badly, of answers and of rationales apart: a model must write the first to be right. */
  splitWords: { [part in 'answers' | 'rationales']: SplitWords };
}

/** Words that are split badly, the most frequent first, and the number of rows that hold one. */
export interface SplitWords {
  words: SplitWord[];
  rows: number;
}

/** The answers and the words that a report lists. */
const [MOST_ANSWERS, MOST_WORDS] = [10, 50];

/** Why a row cannot be trained on. */
export interface RowFault {
  field: string;
  reason: string;
}

/** Counts rows one by one. */
export class StatisticsOfRows {
  private readonly tokenizer: Tokenizer;
  private readonly template: ChatTemplate;
  private readonly words: { [part in 'answers' | 'rationales']: WordCounter };
  private readonly write: { [kind in 'conversation' | 'row']: (row: DataRow) => AskedPrompt };
  private readonly spreads = {
    pictures: new Tally(),
    prompt: new Tally(),
    answer: new Tally(),
    rationale: new Tally(),
  };
  private readonly answers = new Map<string, number>();
  private readonly sizes: { smallest: [number, number] | null; largest: [number, number] | null } = {
    smallest: null,
    largest: null,
  };
  private kind: { name: string; row: number } | undefined;
  private rowsWithout = 0;
  private rowsWithoutRationale = 0;
  private readonly rowsWithSplitWord = { answers: 0, rationales: 0 };

  /** @param checkpoint the folder of the model that the rows are for @param asked how they are put to it */
  constructor(
    checkpoint: string,
    private readonly processor: ImageProcessor,
    asked: PromptOptions,
  ) {
    const folder = baseFolder(checkpoint);
    this.tokenizer = loadTokenizer(folder);
    this.template = loadChatTemplate(folder);
    this.words = { answers: new WordCounter(this.tokenizer), rationales: new WordCounter(this.tokenizer) };
    this.write = { conversation: promptWriter({ ...WHOLE_TEXTS, ...asked }), row: promptWriter(asked) };
  }

  /** Counts a row. @returns why a run would stumble over it; such a row is not counted */
  add(row: CheckedRow): RowFault[] {
    const faults = [...this.kindFault(row), ...pictureFaults(row)];
    if (faults.length > 0) return faults;
    const { record, checkedPictures, isConversation } = row;
    const visual = checkedPictures.map((picture) => this.visualTokens(picture));
    let tokens: number;
    try {
      const { prompt, system } = this.write[isConversation ? 'conversation' : 'row'](record);
      tokens = promptTokens({ tokenizer: this.tokenizer, template: this.template }, visual, prompt, system).length;
    } catch (error) {
      return [{ field: 'whole row', reason: (error as Error).message }];
    }
    this.count(record, tokens, visual);
    for (const picture of checkedPictures) this.noteSize(picture);
    return [];
  }

  private count({ id, answer, cot }: DataRow, promptLength: number, visual: readonly number[]): void {
    const length = (text: string) => this.tokenizer.encodePlain(text).length;
    this.spreads.prompt.add(promptLength, id);
    this.spreads.answer.add(length(answer), id);
    if (visual.length === 0) this.rowsWithout++;
    else
      this.spreads.pictures.add(
        visual.reduce((sum, count) => sum + count),
        id,
      );
    if (cot === undefined) this.rowsWithoutRationale++;
    else this.spreads.rationale.add(length(cot), id);
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    if (this.words.answers.add(answer)) this.rowsWithSplitWord.answers++;
    if (cot !== undefined && this.words.rationales.add(cot)) this.rowsWithSplitWord.rationales++;
  }

  private visualTokens(picture: CheckedPicture): number {
    if ('fault' in picture) throw new Error('a picture that cannot be read has no tokens');
    const [t, h, w] = picture.grid;
    return (t * h * w) / this.processor.mergeSize ** 2;
  }

  private noteSize(picture: CheckedPicture): void {
    if ('fault' in picture) return;
    const { width, height } = picture;
    const { smallest, largest } = this.sizes;
    if (!smallest || width * height < smallest[0] * smallest[1]) this.sizes.smallest = [width, height];
    if (!largest || width * height > largest[0] * largest[1]) this.sizes.largest = [width, height];
  }

  /** A run takes rows of one task, or of none, or conversations. */
  private kindFault({ row, record, isConversation }: CheckedRow): RowFault[] {
    const task = taskOfRow(record)?.name;
    const name = isConversation
      ? 'a conversation'
      : task === undefined
        ? "of none of the kit's tasks"
        : `of task ${task}`;
    this.kind ??= { name, row };
    if (this.kind.name === name) return [];
    return [
      {
        field: 'whole row',
        reason: `is ${name}, but row ${this.kind.row} is ${this.kind.name}; a run takes rows of one kind`,
      },
    ];
  }

  private splitWordsOf(part: 'answers' | 'rationales'): SplitWords {
    return { words: this.words[part].splitWords().slice(0, MOST_WORDS), rows: this.rowsWithSplitWord[part] };
  }

  result(): RowStatistics {
    const { pictures, prompt, answer, rationale } = this.spreads;
    const byFrequency = [...this.answers].sort(([, a], [, b]) => b - a).slice(0, MOST_ANSWERS);
    return {
      pictures: { rowsWithout: this.rowsWithout, ...this.sizes },
      tokens: {
        pictures: pictures.result(),
        prompt: prompt.result(),
        answer: answer.result(),
        rationale: rationale.result(),
      },
      rowsWithoutRationale: this.rowsWithoutRationale,
      answers: {
        different: this.answers.size,
        most: byFrequency.map(([text, rows]) => ({ answer: text, rows })),
      },
      splitWords: { answers: this.splitWordsOf('answers'), rationales: this.splitWordsOf('rationales') },
    };
  }
}

function pictureFaults({ checkedPictures }: CheckedRow): RowFault[] {
  return checkedPictures.flatMap((picture) => ('fault' in picture ? [{ field: 'image', reason: picture.fault }] : []));
}

/** The least, the sum and the most of numbers. */
class Tally {
  private least = Number.POSITIVE_INFINITY;
  private most = Number.NEGATIVE_INFINITY;
  private sum = 0;
  private count = 0;
  private row = '';

  add(value: number, row: string): void {
    if (value > this.most) {
      this.most = value;
      this.row = row;
    }
    this.least = Math.min(this.least, value);
    this.sum += value;
    this.count++;
  }

  result(): Spread | null {
    if (this.count === 0) return null;
    return { least: this.least, mean: this.sum / this.count, most: this.most, row: this.row };
  }
}
