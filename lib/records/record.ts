/** The records that flow through the kit: the released dataset's meta form, with the truth a generated row carries. */

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

/** A row of one of the kit's own tasks: a meta record plus what the checks and the scorer need to know. */
export interface TaskRecord extends MetaRecord {
  /** The task's name, such as `counting`. */
  task: string;
  /** The question family, such as `subtract-all`. */
  family: string;
  /** Where the row comes from: `id`, or an out-of-domain set's name. */
  domain: string;
  /** The true scene behind the image, as the task wrote it; plain JSON. */
  scene: unknown;
  /** The question as a program over the scene, from which the answer follows; plain JSON. */
  program: unknown;
}
