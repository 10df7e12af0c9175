/**
 * The arithmetic of decoding one token that lies between matrix products: norms, rotary positions, attention over the key-value cache,
 * SwiGLU, and the draw of the next token. Each function computes all rows of a batch, row by row in one fixed order, so that no row
 * depends on what else is in the batch.
 */
#ifndef REASON_RFT_DECODE_H_
#define REASON_RFT_DECODE_H_

#include <cmath>

#include "vectors.h"

namespace kit {

/** out = x / sqrt(mean(x^2) + eps) * weight, over `width` floats (Zhang and Sennrich 2019). */
KIT_INLINE void rms_norm_row(const float *x, const float *weight, float eps, float *out, int64_t width) {
  const float scale = 1.0f / std::sqrt(dot(x, x, width) / static_cast<float>(width) + eps);
  int64_t i = 0;
  for (; i + 8 <= width; i += 8) store(out + i, load(x + i) * all(scale) * load(weight + i));
  for (; i < width; i++) out[i] = x[i] * scale * weight[i];
}

struct NormWork {
  int64_t rows, width;
  float eps;
  const float *x;
  /** Added to `x` before the norm; null: nothing is. */
  const float *delta;
  const float *weight;
  /** x + delta; null where there is no delta. */
  float *sum;
  float *normed;
};

KIT_INLINE void add_norm(const NormWork &work) {
  for (int64_t row = 0; row < work.rows; row++) {
    const int64_t from = row * work.width;
    const float *x = work.x + from;
    if (work.delta) {
      const float *delta = work.delta + from;
      float *sum = work.sum + from;
      int64_t i = 0;
      for (; i + 8 <= work.width; i += 8) store(sum + i, load(x + i) + load(delta + i));
      for (; i < work.width; i++) sum[i] = x[i] + delta[i];
      x = sum;
    }
    rms_norm_row(x, work.weight, work.eps, work.normed + from, work.width);
  }
}

struct SwiGluWork {
  int64_t rows, width;
  /** `[rows, 2 x width]`: gate, then up. */
  const float *gate_and_up;
  float *out;
};

/** gate sigmoid(gate) up (Shazeer 2020). */
KIT_INLINE void swi_glu(const SwiGluWork &work) {
  const int64_t width = work.width;
  for (int64_t row = 0; row < work.rows; row++) {
    const float *gate = work.gate_and_up + row * 2 * width;
    const float *up = gate + width;
    float *out = work.out + row * width;
    for (int64_t i = 0; i < width; i += 8) {
      const int64_t count = width - i < 8 ? width - i : 8;
      const Eight g = count == 8 ? load(gate + i) : load_some(gate + i, count, 0);
      const Eight u = count == 8 ? load(up + i) : load_some(up + i, count, 0);
      const Eight y = g / (all(1) + exponential(-g)) * u;
      if (count == 8)
        store(out + i, y);
      else
        store_some(out + i, y, count);
    }
  }
}

struct AttentionWork {
  int64_t prompts, slots, groups, heads_per_group, size;
  /** Queries, keys and values of the new token, `[prompts x slots, (groups heads_per_group + 2 groups) x size]`. */
  const float *qkv;
  /** Added to a row of `qkv`; null: nothing is. */
  const float *bias;
  /** Weights of the norms of queries' and keys' heads, `[(heads + groups) x size]`; null: they have none. */
  const float *head_norms;
  float eps;
  /** Cosines and sines of the new token's position, `[prompts x slots, size / 2]`. */
  const float *cosines, *sines;
  /** `[prompts, groups, width, size]`, and the bias of each place, `[prompts, width]`. */
  int64_t width;
  const float *prompt_keys, *prompt_values, *prompt_bias;
  /** `[prompts, groups, slots, window, size]`; the new token's are written at `place`, which is the last that is looked at. */
  int64_t window, place;
  float *window_keys, *window_values;
  /** The bias of each place of the window, `[window]`. */
  const float *window_bias;
  /** `[prompts x slots, heads x size]`. */
  float *out;
  /** Room for the heads of a row, `[(heads + groups) x size]`, and for the scores of one query, `[width + window]`. */
  float *turned, *scores;
};

/** The first place that may be looked at. Padding and places that hold no token yet stand on the left, and are passed over. */
KIT_INLINE int64_t first_seen(const float *bias, int64_t end) {
  int64_t place = 0;
  while (place < end && bias[place] < -1.0f) place++;
  return place;
}

/** Rotates the pairs (x[i], x[i + size / 2]) of a head (the "rotate half" form of Qwen2), and multiplies them with `scale`. */
KIT_INLINE void rotate_head(float *x, const float *cosines, const float *sines, float scale, int64_t size) {
  const int64_t half = size / 2;
  int64_t i = 0;
  for (; i + 8 <= half; i += 8) {
    const Eight a = load(x + i), b = load(x + half + i), c = load(cosines + i), s = load(sines + i);
    store(x + i, (a * c - b * s) * all(scale));
    store(x + half + i, (b * c + a * s) * all(scale));
  }
  for (; i < half; i++) {
    const float a = x[i], b = x[half + i];
    x[i] = (a * cosines[i] - b * sines[i]) * scale;
    x[half + i] = (b * cosines[i] + a * sines[i]) * scale;
  }
}

/** The dot product of a query with each of `count` keys, which lie one behind the other. */
KIT_INLINE void score_keys(const float *query, const float *keys, int64_t count, int64_t size, float *scores) {
  const int64_t whole = size - size % 8;
  int64_t k = 0;
  for (; k + 8 <= count; k += 8) {
    const float *key = keys + k * size;
    Eight s0 = all(0), s1 = all(0), s2 = all(0), s3 = all(0), s4 = all(0), s5 = all(0), s6 = all(0), s7 = all(0);
    for (int64_t i = 0; i < whole; i += 8) {
      const Eight q = load(query + i);
      s0 += q * load(key + i), s1 += q * load(key + size + i);
      s2 += q * load(key + 2 * size + i), s3 += q * load(key + 3 * size + i);
      s4 += q * load(key + 4 * size + i), s5 += q * load(key + 5 * size + i);
      s6 += q * load(key + 6 * size + i), s7 += q * load(key + 7 * size + i);
    }
    store(scores + k, eight_sums(s0, s1, s2, s3, s4, s5, s6, s7));
    for (int64_t i = whole; i < size; i++)
      for (int j = 0; j < 8; j++) scores[k + j] += query[i] * key[j * size + i];
  }
  for (; k < count; k++) scores[k] = dot(query, keys + k * size, size);
}

/** Adds the values, each times its weight, to `out`. */
KIT_INLINE void mix_values(const float *weights, const float *values, int64_t count, int64_t size, float *out) {
  int64_t from = 0;
  for (; from + 32 <= size; from += 32) {
    Eight a = load(out + from), b = load(out + from + 8), c = load(out + from + 16), d = load(out + from + 24);
    // Two sums of each, as one would wait for itself.
    Eight e = all(0), f = all(0), g = all(0), h = all(0);
    const float *value = values + from;
    int64_t k = 0;
    for (; k + 2 <= count; k += 2, value += 2 * size) {
      const Eight first = all(weights[k]), second = all(weights[k + 1]);
      a += first * load(value), b += first * load(value + 8);
      c += first * load(value + 16), d += first * load(value + 24);
      e += second * load(value + size), f += second * load(value + size + 8);
      g += second * load(value + size + 16), h += second * load(value + size + 24);
    }
    if (k < count) {
      const Eight last = all(weights[k]);
      a += last * load(value), b += last * load(value + 8), c += last * load(value + 16), d += last * load(value + 24);
    }
    store(out + from, a + e), store(out + from + 8, b + f), store(out + from + 16, c + g), store(out + from + 24, d + h);
  }
  for (; from + 8 <= size; from += 8) {
    Eight sums = load(out + from);
    for (int64_t k = 0; k < count; k++) sums += all(weights[k]) * load(values + k * size + from);
    store(out + from, sums);
  }
  for (; from < size; from++)
    for (int64_t k = 0; k < count; k++) out[from] += weights[k] * values[k * size + from];
}

KIT_INLINE void attend(const AttentionWork &work) {
  const int64_t size = work.size, groups = work.groups, per_group = work.heads_per_group;
  const int64_t heads = groups * per_group, turning = heads + groups, across = (turning + groups) * size;
  const float scale = 1.0f / std::sqrt(static_cast<float>(size));
  const int64_t window_start = first_seen(work.window_bias, work.place);
  const int64_t in_window = work.place + 1 - window_start;
  for (int64_t prompt = 0; prompt < work.prompts; prompt++) {
    const int64_t prompt_start = first_seen(work.prompt_bias + prompt * work.width, work.width);
    const int64_t in_prompt = work.width - prompt_start;
    for (int64_t slot = 0; slot < work.slots; slot++) {
      const int64_t row = prompt * work.slots + slot;
      const float *source = work.qkv + row * across;
      for (int64_t head = 0; head < turning; head++) {
        float *x = work.turned + head * size;
        for (int64_t i = 0; i < size; i++) x[i] = source[head * size + i] + (work.bias ? work.bias[head * size + i] : 0);
        if (work.head_norms) rms_norm_row(x, work.head_norms + head * size, work.eps, x, size);
        rotate_head(x, work.cosines + row * size / 2, work.sines + row * size / 2, head < heads ? scale : 1, size);
      }
      for (int64_t group = 0; group < groups; group++) {
        const int64_t in_cache = ((prompt * groups + group) * work.slots + slot) * work.window;
        float *key = work.window_keys + (in_cache + work.place) * size;
        float *value = work.window_values + (in_cache + work.place) * size;
        std::memcpy(key, work.turned + (heads + group) * size, size * sizeof(float));
        const int64_t at = (turning + group) * size;
        for (int64_t i = 0; i < size; i++) value[i] = source[at + i] + (work.bias ? work.bias[at + i] : 0);

        const int64_t in_keys = ((prompt * groups + group) * work.width + prompt_start) * size;
        const int64_t in_windows = (in_cache + window_start) * size;
        for (int64_t head = group * per_group; head < (group + 1) * per_group; head++) {
          const float *query = work.turned + head * size;
          score_keys(query, work.prompt_keys + in_keys, in_prompt, size, work.scores);
          score_keys(query, work.window_keys + in_windows, in_window, size, work.scores + in_prompt);
          float largest;
          const float total =
              exponentials_below_largest(work.scores, work.scores, in_prompt + in_window, &largest);
          float *out = work.out + (row * heads + head) * size;
          std::memset(out, 0, size * sizeof(float));
          mix_values(work.scores, work.prompt_values + in_keys, in_prompt, size, out);
          mix_values(work.scores + in_prompt, work.window_values + in_windows, in_window, size, out);
          for (int64_t i = 0; i < size; i++) out[i] /= total;
        }
      }
    }
  }
}

struct DrawWork {
  int64_t rows, vocab, ends;
  /** 0: the most probable token. */
  float temperature;
  /** `[rows, vocab]`. */
  const float *logits;
  /** In [0, 1), `[rows]`. */
  const float *uniform;
  /** 1 where a row has ended, `[rows]`. */
  const int32_t *done;
  const int32_t *end_tokens;
  int32_t *tokens;
  float *log_probs;
  int32_t *done_after;
  /** Room for a row of logits and one of their exponentials. */
  float *scaled, *exponentials;
};

/**
 * Draws a token for each row from softmax(logits / temperature), by inverting its cumulative distribution, or takes the most probable
 * one, the first of equal ones. A row that has ended gets an end token, beside the log-probability of the one that was drawn.
 */
KIT_INLINE void draw(const DrawWork &work) {
  for (int64_t row = 0; row < work.rows; row++) {
    const float *logits = work.logits + row * work.vocab;
    const float *x = logits;
    if (work.temperature > 0) {
      for (int64_t i = 0; i < work.vocab; i++) work.scaled[i] = logits[i] / work.temperature;
      x = work.scaled;
    }
    float top;
    const float total = exponentials_below_largest(x, work.exponentials, work.vocab, &top);
    int64_t token = 0;
    if (work.temperature > 0) {
      const float threshold = work.uniform[row] * total;
      float cumulative = work.exponentials[0];
      while (cumulative <= threshold && token < work.vocab - 1) cumulative += work.exponentials[++token];
    } else {
      while (token < work.vocab - 1 && x[token] < top) token++;
    }
    work.log_probs[row] = x[token] - top - std::log(total);
    if (work.done[row] > 0) token = work.ends > 0 ? work.end_tokens[0] : 0;
    int32_t ended = work.done[row];
    for (int64_t i = 0; i < work.ends; i++) ended |= token == work.end_tokens[i];
    work.tokens[row] = static_cast<int32_t>(token);
    work.done_after[row] = ended;
  }
}

KIT_FOR_PROCESSORS(add_norm, NormWork)
KIT_FOR_PROCESSORS(swi_glu, SwiGluWork)
KIT_FOR_PROCESSORS(attend, AttentionWork)
KIT_FOR_PROCESSORS(draw, DrawWork)

}  // namespace kit

#endif  // REASON_RFT_DECODE_H_
