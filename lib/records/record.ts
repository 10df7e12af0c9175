/** Records, the rows of all data: the meta form of the released dataset, and the kit's own form with the truth behind a row. */

/** A row in the meta form of the released Reason-RFT dataset. */
export interface MetaRecord {
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
}

/** A row of one of the kit's tasks: a meta record with what curation and results need to know of it. */
export interface TaskRecord extends MetaRecord {
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
}
