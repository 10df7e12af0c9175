/**
 * The model card of a trained checkpoint: its `README.md`, in the form of the Hugging Face hub. It says what the checkpoint was made of -
 * base, rows, prompt, rewards, settings, code - and how it scored. It holds no time and no path of the machine, so that the same run
 * writes the same card. No part of the kit reads it to load or to know a checkpoint.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { Document, parseDocument } from 'yaml';
import { writeFileAtomic } from '../../engine/atomic-write.js';
import { idOfFolder } from '../../model/hub-cache.js';
import type { LoraSettings } from '../../model/lora.js';
import { type ScoreOnRows, scoresSection, withScores } from './card-scores.js';
import type { CodeVersion } from './code-version.js';
import type { QuestionRow, SftRow } from './prepared-rows.js';
import { textsDigest } from './texts-digest.js';

/** All that a card says. */
export interface CardFacts {
  plan: {
    kind: 'sft' | 'grpo';
    start: { checkpoint: string; lora?: LoraSettings };
    rows: readonly (SftRow | QuestionRow)[];
    /** The rewards of GRPO. */
    rewards?: readonly { name: string; weight: number }[];
    settings: object;
  };
  /** The code that trained the run. */
  code: CodeVersion;
  /** The kit's version and commit, as the run noted them at its first start. */
  kit?: { kit?: string; commit?: string | null };
  /** The number of steps that the checkpoint has had, and those of the whole run. */
  step: number;
  steps: number;
  /** How the checkpoint scored while the run trained. */
  scores: readonly ScoreOnRows[];
}

/** The name of the card in a checkpoint's folder. */
const CARD = 'README.md';

/** Writes the card of a checkpoint into its folder. */
export function writeModelCard(folder: string, facts: CardFacts): void {
  writeFileAtomic(path.join(folder, CARD), cardText(facts));
}

/**
 * Adds a score to the card of a checkpoint. An earlier one on the same rows is replaced.
 *
 * @throws Error when the folder has no card, or its card has no front matter in YAML
 */
export function addScoreToCard(folder: string, score: ScoreOnRows): void {
  const { document, body } = readCard(folder);
  withScores(document, [score]);
  writeFileAtomic(path.join(folder, CARD), `---\n${document.toString()}---\n${scoresSection(document, body)}`);
}

/** Reads a card, as `addScoreToCard` needs it. @throws Error as that does */
export function readCard(folder: string): { document: Document; body: string } {
  const file = path.join(folder, CARD);
  if (!existsSync(file))
    throw new Error(
      `${folder} has no ${CARD}: the kit writes one beside each checkpoint that it trains; train it anew, or write one`,
    );
  const [, front, body = ''] = /^---\r?\n([\s\S]*?)\r?\n---\r?\n?([\s\S]*)$/.exec(readFileSync(file, 'utf8')) ?? [];
  const document = front === undefined ? undefined : parseDocument(front);
  if (!document || document.errors.length > 0 || typeof document.toJS() !== 'object')
    throw new Error(`${file} does not begin with lines of YAML between two lines of ---; mend it, or remove it`);
  return { document, body };
}

function cardText({ plan, code, kit, step, steps, scores }: CardFacts): string {
  const { kind, start, rows, rewards = [] } = plan;
  const base = baseName(start.checkpoint);
  const document = new Document({
    base_model: base,
    library_name: start.lora ? 'peft' : 'transformers',
    pipeline_tag: 'image-text-to-text',
    tags: ['reason-rft', kind, ...(start.lora ? ['lora'] : [])],
  });
  withScores(document, scores);
  const [first] = rows;
  const method = kind === 'grpo' ? 'GRPO' : 'supervised fine-tuning';
  const lines = [
    `# ${method} of ${inline(base)}`,
    '',
    `Trained with reason-rft${kit?.kit ? ` ${kit.kit}` : ''}${kit?.commit ? `, commit ${inline(kit.commit)}` : ''} by code ${inline(code.version)}; ` +
      `this checkpoint is the one after step ${step} of ${steps}.`,
    ...(start.lora ? ['It holds adapters in PEFT’s files, which are loaded onto their base model.'] : []),
    '',
    '## Data',
    '',
    `${rows.length} rows; the SHA-256 of their texts begins with ${inline(textsDigest(rows).slice(0, 16))}. The first is asked:`,
    '',
    ...(first?.system === undefined ? [] : [fenced(first.system), '']),
    fenced(first?.prompt ?? ''),
    '',
    ...(rewards.length === 0
      ? []
      : [
          '## Rewards',
          '',
          '| reward | weight |',
          '|---|---|',
          ...rewards.map(({ name, weight }) => row([name, weight])),
          '',
        ]),
    '## Settings',
    '',
    '| setting | value |',
    '|---|---|',
    ...settingRows(plan.settings),
    ...(start.lora ? settingRows(start.lora, 'lora.') : []),
    '',
  ];
  return `---\n${document.toString()}---\n\n${scoresSection(document, lines.join('\n'))}`;
}

/** The name of a base model: its id, or that of its folder; of a run's checkpoint with the name of the run. */
function baseName(checkpoint: string): string {
  const id = idOfFolder(checkpoint);
  if (id) return id.repo;
  const parts = path.resolve(checkpoint).split(path.sep);
  return ['final', 'best', 'start'].includes(parts.at(-1)!) ? parts.slice(-2).join('/') : parts.at(-1)!;
}

function settingRows(settings: object, prefix = ''): string[] {
  return Object.entries(settings).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null
      ? settingRows(value, `${prefix}${name}.`)
      : row([`${prefix}${name}`, value]),
  );
}

function row(cells: readonly unknown[]): string {
  return `| ${cells.map((cell) => inline(String(cell))).join(' | ')} |`;
}

/** A text as code within a line: whatever it holds, it is neither markup nor the end of a table's cell. */
function inline(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|');
  const ticks = '`'.repeat(longestRun(line) + 1);
  return line.includes('`') ? `${ticks} ${line} ${ticks}` : `${ticks}${line}${ticks}`;
}

/** A text as a block of code, whatever it holds. */
function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1));
  return `${fence}text\n${text}\n${fence}`;
}

/** The most backticks that stand in a row. */
function longestRun(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
}
