/** A prompt as a template in Jinja, the language of chat templates, with the columns of a row as its variables. */
import type { Template } from '@huggingface/jinja';
import { parseBounded, renderBounded } from '../engine/bounded-template.js';
import type { DataRow } from '../records/record.js';
import { type TemplateColumns, templateColumns } from './template-columns.js';

/** A parsed prompt. */
export class PromptTemplate {
  private readonly template: Template;
  private readonly columns: TemplateColumns;

  /**
   * @param source such as `{{ problem }} Answer with one word.`
   * @param name how messages name it
   * @throws Error when it is no Jinja
   */
  constructor(
    readonly source: string,
    private readonly name = 'the prompt',
  ) {
    try {
      this.template = parseBounded(source);
    } catch (error) {
      throw new Error(
        `${name} is not a template: ${(error as Error).message}; a column of the row is written {{ problem }}`,
      );
    }
    this.columns = templateColumns(this.template);
  }

  /** Whether it is the same text for every row. */
  get isConstant(): boolean {
    return this.columns.needed.length + this.columns.optional.length === 0;
  }

  /**
   * The text for a row.
   *
   * @throws Error naming a column that the row lacks and those that it has, or of the template
   */
  render(row: DataRow): string {
    const missing = this.columns.needed.find((column) => row[column] === undefined);
    if (missing !== undefined)
      throw new Error(
        `${this.name} has a place for '${missing}', which row '${row.id}' has not; its columns are ${Object.keys(row).join(', ')}`,
      );
    const remedy = 'look for a loop in it';
    try {
      return renderBounded(this.template, row, { name: this.name, remedy });
    } catch (error) {
      throw new Error(`${this.name}, row '${row.id}': ${(error as Error).message}`, { cause: error });
    }
  }
}
