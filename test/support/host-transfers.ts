/** Counts the bytes that cross between the host and TensorFlow: what is uploaded as tensors, and what is read back. */
import * as tf from '@tensorflow/tfjs';

/** Bytes to the device and back, the large ones by their sizes for a failing test to show. */
export interface HostTransfers {
  uploaded: number;
  downloaded: number;
}

interface TransferBinding {
  createTensor(shape: number[], dtype: number, values: tf.TypedArray | number[]): number;
  tensorDataSync(id: number): tf.TypedArray;
}

/**
 * What crosses while `run` runs. Every tensor of tfjs-node comes from the host through the binding's `createTensor` or
 * from an operation, and every value read goes through `tensorDataSync`; recorded steps are operations.
 */
export async function countHostTransfers(run: (transfers: Readonly<HostTransfers>) => unknown): Promise<HostTransfers> {
  const backend = tf.backend() as unknown as { binding: TransferBinding };
  const real = backend.binding;
  const transfers: HostTransfers = { uploaded: 0, downloaded: 0 };
  backend.binding = Object.create(real, {
    createTensor: {
      value: (shape: number[], dtype: number, values: tf.TypedArray | number[]) => {
        // Plain lists are shapes and scalars, four bytes a number.
        transfers.uploaded += Array.isArray(values) ? 4 * values.length : values.byteLength;
        return real.createTensor(shape, dtype, values);
      },
    },
    tensorDataSync: {
      value: (id: number) => {
        const values = real.tensorDataSync(id);
        transfers.downloaded += values.byteLength;
        return values;
      },
    },
  }) as TransferBinding;
  try {
    await run(transfers);
  } finally {
    backend.binding = real;
  }
  return transfers;
}
