/** What a model is built from, as plain facts: the sizes and kinds of its decoder and its vision tower. `family.ts` reads them. */

/** The decoder's sizes and constants. Plain data, since compiled steps are shared by its JSON. */
export interface DecoderConfig {
  hiddenSize: number;
  intermediateSize: number;
  layers: number;
  heads: number;
  keyValueHeads: number;
  /** Width of one attention head. */
  headSize: number;
  vocabSize: number;
  rmsNormEps: number;
  ropeTheta: number;
  /** How many rotary frequencies follow the temporal, height and width position; they sum to headSize / 2. */
  mropeSection: [number, number, number];
  /** Which frequencies these are: one section after the other, or temporal, height and width in turn (see `axisOfFrequency`). */
  mropeLayout: 'sections' | 'interleaved';
  /** True where the maps to queries, keys and values have a bias. */
  attentionBias: boolean;
  /** True where each head's queries and keys pass a root-mean-square norm before they are rotated. */
  queryKeyNorm: boolean;
  tieWordEmbeddings: boolean;
}

/** The vision tower's sizes and kinds. Plain data, as the decoder's. */
export interface VisionConfig {
  layers: number;
  embedSize: number;
  heads: number;
  mlpSize: number;
  channels: number;
  patchSize: number;
  temporalPatchSize: number;
  /** Patches a side that the merger joins into one visual token. */
  mergeSize: number;
  /** Width of a visual token; it equals the decoder's `hiddenSize`. */
  outputSize: number;
  /** The norms of the blocks and the merger: layer norms with a bias, or root-mean-square norms without one. */
  norm: 'layer' | 'rootMeanSquare';
  /** The perceptron of a block: two maps around an approximation of GELU, or SwiGLU. */
  perceptron: 'quickGelu' | 'tanhGelu' | 'swiGlu';
  /** True where the patch embedding has a bias. */
  patchBias: boolean;
  /** Positions a side of the learned square grid that is stretched over each image; absent where positions are rotary alone. */
  positionGrid?: number;
  /** The names of a merger's norm and of its two maps. */
  mergerNames: { norm: string; inward: string; outward: string };
  /**
   * DeepStack (Meng et al. 2024): the blocks, counted from 0 and rising, whose output is merged as well. What the k-th of them gives
   * is added to the decoder's hidden states behind its k-th layer, in the places of the visual tokens. Empty without DeepStack.
   */
  deepStack: number[];
  /** Window attention; absent where every block sees the whole image. */
  windows?: {
    /** Patches a side, a multiple of `mergeSize`. */
    side: number;
    /** The blocks, counted from 0, that see the whole image all the same. */
    wholeBlocks: number[];
  };
}
