/** The counting data of a study: sampled, spoiled here and there, curated, split and written with its test sets. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toAnswerSft, toCotSft, toRl } from '../data/convert.js';
import { type Curation, corruptRecords, curate } from '../data/curation.js';
import { encodePng, type RgbImage, readImage } from '../data/image.js';
import { writeRlParquet } from '../data/parquet.js';
import type { TaskRecord } from '../data/record.js';
import { imageNames, readRecords, writeRecords } from '../data/records.js';
import { splitStages } from '../data/split.js';
import { Random } from '../engine/random.js';
import { type CountingProgram, solveCounting } from '../tasks/counting/program.js';
import { type CountingDomain, sampleCountingRecord } from '../tasks/counting/sample.js';
import { rederiveCounting } from '../tasks/counting/wording.js';
import { drawScene } from '../tasks/world/ray-cast.js';
import { type Scene, sceneFingerprint } from '../tasks/world/scene.js';
import type { Study } from './workspace.js';

/** The test sets: in domain, and out of domain by look (and, for a quarter, by question too). */
export const TEST_SETS = ['id', 'ood'] as const;
export type TestSet = (typeof TEST_SETS)[number];

/** Draws the raw training rows of a study: sound ones, a share of which is then spoiled. */
export function sampleTrainingRows(study: Study): TaskRecord[] {
  const { seed, trainRows, spoiledShare } = study.profile;
  const random = new Random(seed, 'counting/train');
  // Curation drops the spoiled rows and some for balance; an eighth more than needed makes up for both.
  const count = Math.ceil(trainRows * (1.125 + spoiledShare));
  const rows = Array.from({ length: count }, (_, i) => sampleCountingRecord('id', rowId('train', i), random));
  return corruptRecords(rows, spoiledShare, new Random(seed, 'counting/spoil'));
}

/** Draws the test sets of a study, without any scene that pretraining has seen. */
export function sampleTestRows(study: Study): { [set in TestSet]: TaskRecord[] } {
  const { testRows } = study.profile;
  const seen = pretrainingScenes(study);
  const draw = (domain: CountingDomain): TaskRecord[] => {
    // The seed of the test sets is fixed, so that every training seed is measured on the same items.
    const random = new Random(0, `counting/test/${domain}`);
    const rows: TaskRecord[] = [];
    while (rows.length < testRows[domain]) {
      const row = sampleCountingRecord(domain, rowId(domain, rows.length), random);
      if (!seen.has(fingerprintOf(row))) rows.push(row);
    }
    return rows;
  };
  return { id: draw('id'), ood: [...draw('ood-look'), ...draw('ood-look-question')] };
}

function rowId(set: string, index: number): string {
  return `counting-${set}-${String(index).padStart(6, '0')}`;
}

/** The fingerprints of the scenes that the base model was pretrained on. */
export function pretrainingScenes(study: Study): Set<string> {
  return new Set(readFileSync(path.join(study.base, 'pretraining-scenes.txt'), 'utf8').trim().split('\n'));
}

/** The fingerprint of a counting row's scene. */
export function fingerprintOf(record: TaskRecord): string {
  return sceneFingerprint(record.scene as Scene);
}

/**
 * Curates raw rows: every check of `curate`, with the counting task's own arithmetic and truth, against the test sets given.
 * Rows beyond the profile's number are left out.
 */
export function curateTrainingRows(
  study: Study,
  raw: readonly TaskRecord[],
  tests: { [set in TestSet]: TaskRecord[] },
): Curation {
  const held = new Set(TEST_SETS.flatMap((set) => tests[set].map(fingerprintOf)));
  const { kept, dropped } = curate(raw, {
    rederive: rederiveCounting,
    solve: ({ program, scene }) => String(solveCounting(program as CountingProgram, scene as Scene)),
    fingerprint: fingerprintOf,
    held,
    largestShare: 0.4,
  });
  if (kept.length < study.profile.trainRows) {
    throw new Error(
      `curation kept ${kept.length} rows, fewer than the ${study.profile.trainRows} that the profile trains on`,
    );
  }
  return { kept: kept.slice(0, study.profile.trainRows), dropped };
}

/** The folder of a study's data. */
export function dataFolder(study: Study): string {
  return path.join(study.folder, 'data');
}

/**
 * Writes records, their images and the converted forms. The folder appears whole or not at all; one that is there already
 * stays as it is.
 *
 * @param onImage called after each image with the number written
 */
export async function writeCountingData(
  study: Study,
  train: readonly TaskRecord[],
  tests: { [set in TestSet]: TaskRecord[] },
  onImage?: (done: number, total: number) => void,
): Promise<string> {
  const folder = dataFolder(study);
  const rows = [...train, ...TEST_SETS.flatMap((set) => tests[set])];
  const digest = createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  if (existsSync(folder)) {
    const source = path.join(folder, 'source.json');
    const held = existsSync(source)
      ? (JSON.parse(readFileSync(source, 'utf8')) as { records: string }).records
      : undefined;
    if (held === digest) return folder;
    throw new Error(
      `${folder} holds data of another seed, profile or version of the task; remove it to write the new data`,
    );
  }
  const partial = `${folder}.partial`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(path.join(partial, 'images'), { recursive: true });
  try {
    for (const [i, row] of rows.entries()) {
      const png = await encodePng(drawScene(row.scene as Scene));
      writeFileSync(path.join(partial, 'images', imageNames(row)[0]!), png);
      if ((i + 1) % 100 === 0 || i + 1 === rows.length) onImage?.(i + 1, rows.length);
    }
    const { stageOne, stageTwo } = splitStages(train, study.profile.stageOneRows);
    writeRecords(path.join(partial, 'train.jsonl'), train);
    for (const set of TEST_SETS) writeRecords(path.join(partial, `test-${set}.jsonl`), tests[set]);
    writeRecords(path.join(partial, 'ans-sft.jsonl'), train.map(toAnswerSft));
    writeRecords(path.join(partial, 'cot-sft.jsonl'), train.map(toCotSft));
    writeRecords(path.join(partial, 'stage-one.jsonl'), stageOne.map(toCotSft));
    writeRecords(path.join(partial, 'stage-two.jsonl'), stageTwo.map(toRl));
    writeFileSync(path.join(partial, 'source.json'), `${JSON.stringify({ records: digest })}\n`);
    await writeRlParquet(path.join(partial, 'stage-two.parquet'), stageTwo.map(toRl));
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

/** Rows with their images, as training and evaluation use them. */
export interface LoadedRows {
  records: TaskRecord[];
  images: RgbImage[][];
}

/**
 * Loads a set that `01-data-curation` wrote.
 *
 * @throws Error when the data is not there yet, naming the notebook that makes it
 */
export async function loadRows(study: Study, set: 'train' | TestSet): Promise<LoadedRows> {
  const folder = dataFolder(study);
  if (!existsSync(folder)) {
    throw new Error(`${folder} does not exist yet: run notebook 01-data-curation (or 'npx reason-rft curate') first`);
  }
  const records = readRecords(path.join(folder, set === 'train' ? 'train.jsonl' : `test-${set}.jsonl`));
  const images = await Promise.all(
    records.map((record) =>
      Promise.all(imageNames(record).map((name) => readImage(path.join(folder, 'images', name)))),
    ),
  );
  return { records, images };
}
