/** The activations of the model's perceptrons. */
import * as tf from '@tensorflow/tfjs';
import { withGradient } from './operations.js';

/** SwiGLU's gate (Shazeer 2020): `gate * sigmoid(gate) * up`, element by element. */
export function swiGlu(gate: tf.Tensor, up: tf.Tensor): tf.Tensor {
  return withGradient(
    ([g, u], save) => {
      const s = tf.sigmoid(g!);
      const silu = tf.mul(g!, s);
      save([s, silu, u!]);
      return {
        value: tf.mul(silu, u!),
        grad: (dy, [s, silu, u]) => {
          // d silu / d gate = s + silu (1 - s)
          const slope = tf.add(s!, tf.mul(silu!, tf.sub(1, s!)));
          return [tf.mul(tf.mul(dy, u!), slope), tf.mul(dy, silu!)];
        },
      };
    },
    [gate, up],
  );
}

/** `x sigmoid(1.702 x)`: the approximation of GELU in the vision tower of Qwen2-VL. */
export function quickGelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(x, tf.sigmoid(tf.mul(x, 1.702)));
}

/**
 * `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))`: the approximation of GELU in the vision tower of Qwen3-VL (Hendrycks and
 * Gimpel 2016, section 2).
 */
export function tanhGelu(x: tf.Tensor): tf.Tensor {
  const [scale, cubic] = [Math.sqrt(2 / Math.PI), 0.044715];
  return withGradient(
    ([x], save) => {
      const square = tf.square(x!);
      const t = tf.tanh(tf.mul(tf.mul(x!, scale), tf.add(tf.mul(square, cubic), 1)));
      const share = tf.mul(tf.add(t, 1), 0.5);
      save([x!, share]);
      return {
        value: tf.mul(x!, share),
        // With s = (1 + tanh u) / 2: d (x s) / dx = s + x 2 s (1 - s) du / dx
        grad: (dy, [x, share]) => {
          const slope = tf.mul(tf.add(tf.mul(tf.square(x!), 3 * cubic), 1), 2 * scale);
          const along = tf.mul(tf.mul(x!, slope), tf.mul(share!, tf.sub(1, share!)));
          return [tf.mul(dy, tf.add(share!, along))];
        },
      };
    },
    [x],
  );
}

/** GELU in its exact form, `x Phi(x)` (Hendrycks and Gimpel 2016). */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
}
