/**
 * Qwen2-VL and Qwen3-VL once more, in plain loops and float64, one sequence at a time: the second opinion that the tests compare the
 * kit's gradients with. Written from the architecture's description, it shares no code with lib/model.
 */
import type { ModelConfig } from '../../lib/model/configuration.js';

/** Weights as flat float64 arrays in the checkpoint's layout. */
export type Weights = { [name: string]: Float64Array };

/** One sequence: its tokens, and the patches of its images `[patches][channels x temporal x patch x patch]`. */
export interface Sequence {
  tokens: readonly number[];
  images: readonly { grid: [number, number, number]; patches: readonly (readonly number[])[] }[];
}

type Vector = number[];
type Matrix = Vector[];

const dot = (a: Vector, b: ArrayLike<number>, from = 0) => a.reduce((sum, x, i) => sum + x * b[from + i]!, 0);
const add = (a: Matrix, b: Matrix): Matrix => a.map((row, i) => row.map((x, j) => x + b[i]![j]!));

function affine(x: Matrix, weight: Float64Array, bias?: Float64Array): Matrix {
  const into = x[0]!.length;
  const out = weight.length / into;
  return x.map((row) => Array.from({ length: out }, (_, o) => dot(row, weight, o * into) + (bias?.[o] ?? 0)));
}

function softmax(scores: Vector): Vector {
  const most = Math.max(...scores);
  const exp = scores.map((s) => Math.exp(s - most));
  const total = exp.reduce((a, b) => a + b, 0);
  return exp.map((e) => e / total);
}

function layerNorm(x: Matrix, weight: Float64Array, bias: Float64Array): Matrix {
  return x.map((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / row.length;
    return row.map((v, i) => ((v - mean) / Math.sqrt(variance + 1e-6)) * weight[i]! + bias[i]!);
  });
}

function rmsNorm(x: Matrix, weight: Float64Array, eps: number): Matrix {
  return x.map((row) => {
    const square = row.reduce((sum, v) => sum + v * v, 0) / row.length;
    return row.map((v, i) => (v / Math.sqrt(square + eps)) * weight[i]!);
  });
}

/** By the series whose terms are all of one sign (Abramowitz and Stegun 7.1.6), so that none cancel. */
function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; n < 200; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** Rotates the pairs (i, i + half) of a head by the angles. */
function rotate(head: Vector, angles: Vector): Vector {
  const half = angles.length;
  const out = [...head];
  angles.forEach((angle, i) => {
    const [a, b] = [head[i]!, head[i + half]!];
    out[i] = a * Math.cos(angle) - b * Math.sin(angle);
    out[i + half] = b * Math.cos(angle) + a * Math.sin(angle);
  });
  return out;
}

/** Attention of one head: queries, keys and values `[tokens][size]`. */
function attend(q: Matrix, k: Matrix, v: Matrix, causal: boolean): Matrix {
  return q.map((query, t) => {
    const seen = causal ? t + 1 : k.length;
    const shares = softmax(k.slice(0, seen).map((key) => dot(query, key) / Math.sqrt(query.length)));
    return query.map((_, i) => shares.reduce((sum, share, s) => sum + share * v[s]![i]!, 0));
  });
}

const columns = (x: Matrix, from: number, size: number): Matrix => x.map((row) => row.slice(from, from + size));
const sideBySide = (heads: Matrix[]): Matrix => heads[0]!.map((_, t) => heads.flatMap((head) => head[t]!));

/** The position of a patch on a learned grid of side x side that is stretched over the image, from the four around it. */
function learnedPosition(table: Float64Array, side: number, place: [number, number], size: [number, number]): Vector {
  const width = table.length / side ** 2;
  const [row, column] = place.map((at, axis) => (at / Math.max(1, size[axis]! - 1)) * (side - 1)) as [number, number];
  const position = Array<number>(width).fill(0);
  for (let r = 0; r < side; r++)
    for (let c = 0; c < side; c++) {
      // The hat function of bilinear interpolation: 1 at the place itself, 0 from one place away on.
      const share = Math.max(0, 1 - Math.abs(row - r)) * Math.max(0, 1 - Math.abs(column - c));
      for (let i = 0; i < width; i++) position[i]! += share * table[(r * side + c) * width + i]!;
    }
  return position;
}

/** Visual tokens of one image, `[patches / merge^2][hidden]`, and the features that DeepStack adds in their places, one by layer. */
interface Encoded {
  tokens: Matrix;
  deepStack: Matrix[];
}

function encodeImage(w: Weights, image: Sequence['images'][number], { vision }: ModelConfig): Encoded {
  const { embedSize, heads, mergeSize, layers, positionGrid } = vision;
  const size = embedSize / heads;
  const [, rows, cols] = image.grid;
  const places: [number, number][] = [];
  for (let r = 0; r < rows; r += mergeSize)
    for (let c = 0; c < cols; c += mergeSize)
      for (let i = 0; i < mergeSize; i++) for (let j = 0; j < mergeSize; j++) places.push([r + i, c + j]);
  const quarter = size / 4;
  const angles = places.map(([r, c]) =>
    [r, c].flatMap((place) => Array.from({ length: quarter }, (_, i) => place * 10000 ** (-i / quarter))),
  );
  let x = affine(
    image.patches.map((patch) => [...patch]),
    w['visual.patch_embed.proj.weight']!,
    w['visual.patch_embed.proj.bias'],
  );
  if (positionGrid !== undefined) {
    const table = w['visual.pos_embed.weight']!;
    x = add(
      x,
      places.map((place) => learnedPosition(table, positionGrid, place, [rows, cols])),
    );
  }
  const [fc1, fc2] = vision.perceptron === 'quickGelu' ? ['fc1', 'fc2'] : ['linear_fc1', 'linear_fc2'];
  const cubic = Math.sqrt(2 / Math.PI);
  const activation =
    vision.perceptron === 'quickGelu'
      ? (v: number) => v / (1 + Math.exp(-1.702 * v))
      : (v: number) => 0.5 * v * (1 + Math.tanh(cubic * (v + 0.044715 * v ** 3)));
  const deepStack: Matrix[] = [];
  for (let l = 0; l < layers; l++) {
    const weight = (name: string) => w[`visual.blocks.${l}.${name}`]!;
    const qkv = affine(
      layerNorm(x, weight('norm1.weight'), weight('norm1.bias')),
      weight('attn.qkv.weight'),
      weight('attn.qkv.bias'),
    );
    const mixed = Array.from({ length: heads }, (_, h) => {
      const [q, k, v] = [0, 1, 2].map((part) => columns(qkv, part * embedSize + h * size, size)) as [
        Matrix,
        Matrix,
        Matrix,
      ];
      const turn = (m: Matrix) => m.map((row, t) => rotate(row, angles[t]!));
      return attend(turn(q), turn(k), v, false);
    });
    x = add(x, affine(sideBySide(mixed), weight('attn.proj.weight'), weight('attn.proj.bias')));
    const inner = affine(
      layerNorm(x, weight('norm2.weight'), weight('norm2.bias')),
      weight(`mlp.${fc1}.weight`),
      weight(`mlp.${fc1}.bias`),
    );
    const active = inner.map((row) => row.map(activation));
    x = add(x, affine(active, weight(`mlp.${fc2}.weight`), weight(`mlp.${fc2}.bias`)));
    if (vision.deepStack.includes(l)) deepStack.push(mergeNormed(w, x, vision, deepStack.length));
  }
  const [norm, first, second] =
    vision.perceptron === 'quickGelu' ? ['ln_q', 'mlp.0', 'mlp.2'] : ['norm', 'linear_fc1', 'linear_fc2'];
  const weight = (name: string) => w[`visual.merger.${name}`]!;
  const normed = layerNorm(x, weight(`${norm}.weight`), weight(`${norm}.bias`));
  const inner = affine(joined(normed, mergeSize), weight(`${first}.weight`), weight(`${first}.bias`));
  const active = inner.map((row) => row.map(gelu));
  return { tokens: affine(active, weight(`${second}.weight`), weight(`${second}.bias`)), deepStack };
}

/** Patches side by side, as many as a merger joins. */
function joined(x: Matrix, mergeSize: number): Matrix {
  const count = mergeSize ** 2;
  return Array.from({ length: x.length / count }, (_, i) => x.slice(i * count, (i + 1) * count).flat());
}

/** The k-th merger of DeepStack: unlike the last one, it norms the patches when they stand side by side. */
function mergeNormed(w: Weights, x: Matrix, { mergeSize }: ModelConfig['vision'], k: number): Matrix {
  const weight = (name: string) => w[`visual.deepstack_merger_list.${k}.${name}`]!;
  const normed = layerNorm(joined(x, mergeSize), weight('norm.weight'), weight('norm.bias'));
  const inner = affine(normed, weight('linear_fc1.weight'), weight('linear_fc1.bias'));
  return affine(
    inner.map((row) => row.map(gelu)),
    weight('linear_fc2.weight'),
    weight('linear_fc2.bias'),
  );
}

const gelu = (v: number) => 0.5 * v * (1 + erf(v / Math.SQRT2));

/** Time, height and width position of each token, and the visual token that stands there, if one does. */
function lay({ tokens, images }: Sequence, config: ModelConfig): { position: number[]; visual?: [number, number] }[] {
  const laid: { position: number[]; visual?: [number, number] }[] = [];
  let next = 0;
  let image = 0;
  for (let i = 0; i < tokens.length; ) {
    const grid = images[image]?.grid;
    if (tokens[i] !== config.imageTokenId || !grid) {
      laid.push({ position: [next, next, next] });
      next++;
      i++;
      continue;
    }
    const [rows, cols] = [grid[1] / config.vision.mergeSize, grid[2] / config.vision.mergeSize];
    for (let k = 0; k < rows * cols; k++, i++)
      laid.push({ position: [next, next + Math.floor(k / cols), next + (k % cols)], visual: [image, k] });
    next += Math.max(1, rows, cols);
    image++;
  }
  return laid;
}

/** Logits after each token of a sequence, `[tokens][vocab]`. */
export function referenceLogits(w: Weights, sequence: Sequence, config: ModelConfig): Matrix {
  const { hiddenSize, headSize, heads, keyValueHeads, layers, ropeTheta, mropeSection, rmsNormEps } = config;
  const table = w['model.embed_tokens.weight']!;
  const encoded = sequence.images.map((image) => encodeImage(w, image, config));
  const laid = lay(sequence, config);
  let x: Matrix = sequence.tokens.map((token, t) => {
    const visual = laid[t]!.visual;
    return visual
      ? [...encoded[visual[0]]!.tokens[visual[1]]!]
      : Array.from(table.subarray(token * hiddenSize, (token + 1) * hiddenSize));
  });
  const inSections = mropeSection.flatMap((size, a) => Array.from({ length: size }, () => a));
  // Interleaved, height takes the places 1, 4, 7, .. and width 2, 5, 8, .., as many as each has.
  const interleaved = inSections.map((_, i) => (i % 3 > 0 && Math.floor(i / 3) < mropeSection[i % 3]! ? i % 3 : 0));
  const axis = config.mropeLayout === 'interleaved' ? interleaved : inSections;
  const angles = laid.map(({ position }) => axis.map((a, i) => position[a]! * ropeTheta ** (-i / (headSize / 2))));
  for (let l = 0; l < layers; l++) {
    const weight = (name: string) => w[`model.layers.${l}.${name}`]!;
    const before = rmsNorm(x, weight('input_layernorm.weight'), rmsNormEps);
    const [q, k, v] = ['q_proj', 'k_proj', 'v_proj'].map((name) =>
      affine(before, weight(`self_attn.${name}.weight`), w[`model.layers.${l}.self_attn.${name}.bias`]),
    ) as [Matrix, Matrix, Matrix];
    const headNorm = (m: Matrix, name: string) =>
      config.queryKeyNorm ? rmsNorm(m, weight(`self_attn.${name}.weight`), rmsNormEps) : m;
    const mixed = Array.from({ length: heads }, (_, h) => {
      const group = Math.floor(h / (heads / keyValueHeads));
      const turn = (m: Matrix, at: number, name: string) =>
        headNorm(columns(m, at * headSize, headSize), name).map((row, t) => rotate(row, angles[t]!));
      return attend(turn(q, h, 'q_norm'), turn(k, group, 'k_norm'), columns(v, group * headSize, headSize), true);
    });
    x = add(x, affine(sideBySide(mixed), weight('self_attn.o_proj.weight')));
    const after = rmsNorm(x, weight('post_attention_layernorm.weight'), rmsNormEps);
    const gate = affine(after, weight('mlp.gate_proj.weight'));
    const up = affine(after, weight('mlp.up_proj.weight'));
    const inner = gate.map((row, t) => row.map((g, i) => (g / (1 + Math.exp(-g))) * up[t]![i]!));
    x = add(x, affine(inner, weight('mlp.down_proj.weight')));
    x = x.map((row, t) => {
      const visual = laid[t]!.visual;
      const feature = visual && encoded[visual[0]]!.deepStack[l]?.[visual[1]];
      return feature ? row.map((v, i) => v + feature[i]!) : row;
    });
  }
  return affine(rmsNorm(x, w['model.norm.weight']!, rmsNormEps), w['lm_head.weight'] ?? table);
}

/**
 * Log-probability of each token of a completion after its prompt, and the entropy of each prediction in nats.
 *
 * @param kept for each token, the tokens that the prediction is over; default: all
 */
export function referenceScores(
  w: Weights,
  prompt: Sequence,
  completion: readonly number[],
  config: ModelConfig,
  temperature = 1,
  kept?: readonly (readonly number[])[],
): { logProbs: number[]; entropies: number[] } {
  const logits = referenceLogits(w, { ...prompt, tokens: [...prompt.tokens, ...completion] }, config);
  const scores = { logProbs: [] as number[], entropies: [] as number[] };
  completion.forEach((token, t) => {
    const all = logits[prompt.tokens.length - 1 + t]!.map((x) => x / temperature);
    const ids = kept?.[t] ?? all.map((_, id) => id);
    const shares = softmax(ids.map((id) => all[id]!));
    scores.logProbs.push(Math.log(shares[ids.indexOf(token)]!));
    scores.entropies.push(-shares.reduce((sum, p) => sum + p * Math.log(p), 0));
  });
  return scores;
}

/** The central difference of a function of the weights along one entry of one tensor. */
export function slopeAt(f: (w: Weights) => number, w: Weights, name: string, index: number, h = 1e-5): number {
  const tensor = w[name]!;
  const held = tensor[index]!;
  tensor[index] = held + h;
  const above = f(w);
  tensor[index] = held - h;
  const below = f(w);
  tensor[index] = held;
  return (above - below) / (2 * h);
}
