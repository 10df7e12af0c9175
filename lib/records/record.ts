/** Rows of data: of any data, of the released dataset, and of the kit's own tasks with the truth behind them. */

/**
 * A row of any data: a question with its answer, with pictures or without. All further columns of its file are part of it; prompts,
 * rewards and scorers may read them.
 */
export type DataRow = {
  /** Unique within its file. */
  id: string;
  /** One file name or several; an empty list if the question has no picture. */
  image: string | string[];
  /** The question. */
  problem: string;
  /** The gold answer. */
  answer: string;
  /** The chain of thought that leads to the answer, without tags. SFT on rationales needs it. */
  cot?: string;
  /** Any further column: plain JSON. */
  [column: string]: unknown;
};

// The next two are types and not interfaces: TypeScript takes only a type for a row that may have further columns.

/** A row in the meta form of the released Reason-RFT dataset. */
export type MetaRecord = {
  /** Unique within its file. */
  id: string;
  /** One file name or several, relative to the image folder that lies beside the records' file. */
  image: string | string[];
  /** The question alone, without instructions on how to answer. */
  problem: string;
  /** The gold answer, as the model should write it between the answer tags. */
  answer: string;
  /** The chain of thought that leads to the answer, without tags. */
  cot: string;
};

/** A row of one of the kit's tasks: a meta record with what curation and results need to know of it. */
export type TaskRecord = MetaRecord & {
  /** The task's name, such as `counting`. */
  task: string;
  /** The question family, such as `subtract-all`. */
  family: string;
  /** The domain that the row comes from: `id`, or one out of domain. */
  domain: string;
  /** The true scene behind the image, as the task wrote it: plain JSON. Null in released rows, whose scenes are not known. */
  scene: unknown;
  /** The question as a program over the scene, from which the answer follows: plain JSON. Null in released rows. */
  program: unknown;
};
