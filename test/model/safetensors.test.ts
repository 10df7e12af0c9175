/** The safetensors format: what is written, what is read, and hostile files. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { readSafetensors, storedTensors, writeSafetensors } from '../../lib/model/safetensors.js';

const folder = mkdtempSync(path.join(tmpdir(), 'safetensors-'));
after(() => rmSync(folder, { recursive: true }));
const file = path.join(folder, 'case.safetensors');

/** A file with this header text (or bytes) and so many zero bytes of data. */
function craft(header: string | Buffer, dataBytes: number, claimed?: bigint): string {
  const json = Buffer.from(header);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(claimed ?? BigInt(json.length));
  writeFileSync(file, Buffer.concat([length, json, Buffer.alloc(dataBytes)]));
  return file;
}

const read = () => [...readSafetensors(file)];

describe('writeSafetensors and readSafetensors', () => {
  const tensors = [
    { name: 'b', shape: [2, 2], data: Float32Array.from([1, -0.5, 3.14159274, 1e-30]) },
    { name: 'a', shape: [], data: Float32Array.from([7]) },
    { name: 'empty', shape: [0, 3], data: new Float32Array(0) },
  ];
  it('gives back what was written', () => {
    writeSafetensors(file, tensors);
    const back = new Map(read().map((tensor) => [tensor.name, tensor]));
    assert.equal(back.size, 3);
    for (const tensor of tensors) assert.deepEqual(back.get(tensor.name), tensor);
  });
  it('writes the layout of the format: length, header with metadata, aligned data', () => {
    writeSafetensors(file, [{ name: 'x', shape: [1], data: Float32Array.from([1]) }]);
    const bytes = readFileSync(file);
    const length = Number(bytes.readBigUInt64LE());
    assert.equal((8 + length) % 8, 0);
    assert.deepEqual(JSON.parse(bytes.toString('utf8', 8, 8 + length)), {
      __metadata__: { format: 'pt' },
      x: { dtype: 'F32', shape: [1], data_offsets: [0, 4] },
    });
    // 1.0 is 0x3f800000, little-endian.
    assert.deepEqual([...bytes.subarray(8 + length)], [0, 0, 0x80, 0x3f]);
  });
  it('rounds to bfloat16 to nearest, ties to even', () => {
    // bfloat16 steps by 2^-7 from 1: 1 + 2^-8 is a tie and goes to 1; 1 + 3 * 2^-8 is a tie and goes to 1 + 2^-6.
    const data = Float32Array.from([
      1 + 2 ** -8,
      1 + 3 * 2 ** -8,
      1 + 2 ** -8 + 2 ** -20,
      -2.5,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
    ]);
    writeSafetensors(file, [{ name: 'x', shape: [6], data }], 'BF16');
    assert.deepEqual([...read()[0]!.data], [1, 1 + 2 ** -6, 1 + 2 ** -7, -2.5, Number.NaN, Number.NEGATIVE_INFINITY]);
  });
  it('reads float16', () => {
    craft('{"h":{"dtype":"F16","shape":[5],"data_offsets":[0,10]}}', 10);
    const bytes = readFileSync(file);
    // 1.0; -2.5; the largest, 65504; the smallest, 2^-24; infinity.
    for (const [i, half] of [0x3c00, 0xc100, 0x7bff, 0x0001, 0x7c00].entries())
      bytes.writeUInt16LE(half, bytes.length - 10 + 2 * i);
    writeFileSync(file, bytes);
    assert.deepEqual([...read()[0]!.data], [1, -2.5, 65504, 2 ** -24, Number.POSITIVE_INFINITY]);
  });
  it('reads and writes a large tensor in pieces of whole rows', () => {
    // 2^18 numbers a piece at most: 2 rows of 100,000 at a time, then the last.
    const row = (r: number) => new Float32Array(100_000).fill(r + 0.5);
    const data = () => [0, 1, 2, 3, 4].map(row);
    for (const dtype of ['F32', 'BF16'] as const) {
      writeSafetensors(file, [{ name: 'x', shape: [5, 100_000], data }], dtype);
      const [stored] = storedTensors(file);
      assert.deepEqual(stored!.shape, [5, 100_000]);
      const lengths: number[] = [];
      for (const tensor of storedTensors(file)) for (const piece of tensor.pieces()) lengths.push(piece.length);
      assert.deepEqual(lengths, [200_000, 200_000, 100_000]);
      const whole = read()[0]!.data;
      for (const r of [0, 1, 2, 3, 4]) assert.equal(whole[r * 100_000 + 7], r + 0.5);
    }
  });
  it('refuses pieces that do not fill their shape, leaving no file', () => {
    rmSync(file, { force: true });
    const short = { name: 'x', shape: [3], data: () => [new Float32Array(2)] };
    assert.throws(() => writeSafetensors(file, [short]), /case\.safetensors: tensor 'x' of shape \[3\] cannot hold 2/);
    assert.equal(existsSync(file), false);
  });
  it('leaves the old file and no other where writing fails', () => {
    writeSafetensors(file, tensors);
    const before = readFileSync(file);
    const broken = { name: 'late', shape: [1], data: Float32Array.from([1]) };
    Object.defineProperty(broken.data, 'byteLength', {
      get: () => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      },
    });
    assert.throws(() => writeSafetensors(file, [...tensors, broken]), /case\.safetensors: the disk is full/);
    assert.deepEqual(readFileSync(file), before);
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.includes('partial')),
      [],
    );
  });
  it('refuses data that does not fill its shape, and two tensors of one name', () => {
    const one = { name: 'x', shape: [1], data: new Float32Array(1) };
    assert.throws(() => writeSafetensors(file, [{ ...one, shape: [2] }]), /'x' of shape \[2\] cannot hold 1/);
    assert.throws(() => writeSafetensors(file, [one, one]), /two tensors are named 'x'/);
  });
});

describe('a hostile or truncated file is refused, naming file and tensor', () => {
  const entry = (extra: object) => JSON.stringify({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8], ...extra } });
  const cases: [string, () => void, RegExp][] = [
    ['shorter than the length field', () => writeFileSync(file, 'short'), /it has 5 bytes/],
    ['a header longer than the file', () => craft('{}', 0, 1000n), /claims 1000 bytes, but the file ends after 2/],
    ['a header of 2^63 bytes', () => craft('{}', 0, 2n ** 63n), /more than the format allows/],
    ['not JSON', () => craft('{"w":', 0), /not JSON/],
    ['not UTF-8', () => craft(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 0), /not JSON/],
    ['not an object', () => craft('[1]', 0), /not a JSON object/],
    ['an entry that is null', () => craft('{"w":null}', 0), /'w' has the unknown type/],
    ['an unknown type', () => craft(entry({ dtype: 'F7' }), 8), /'w' has the unknown type "F7"/],
    ['a type that objects inherit', () => craft(entry({ dtype: 'constructor' }), 8), /'w' has the unknown type/],
    ['a negative size', () => craft(entry({ shape: [-2] }), 8), /'w' has no valid shape/],
    ['a fractional offset', () => craft(entry({ data_offsets: [0.5, 8.5] }), 8), /'w' has no valid offsets/],
    ['negative offsets', () => craft(entry({ data_offsets: [-8, 0] }), 8), /'w' has no valid offsets/],
    ['reversed offsets', () => craft(entry({ data_offsets: [8, 0] }), 8), /'w' lies at bytes 8 to 0/],
    ['data beyond the end', () => craft(entry({}), 7), /'w' lies at bytes 0 to 8, outside the 7/],
    [
      'too few bytes for the shape',
      () => craft(entry({ shape: [3] }), 8),
      /'w' of shape \[3\] needs 12 bytes, but has 8/,
    ],
    ['a shape that overflows', () => craft(entry({ shape: [2 ** 52, 2 ** 52] }), 8), /'w' of shape .* needs/],
    ['bytes after the last tensor', () => craft(entry({}), 9), /1 bytes after the last tensor/],
    ['a gap', () => craft(entry({ data_offsets: [4, 12] }), 12), /'w' leaves a gap/],
    [
      'an overlap',
      () =>
        craft(
          '{"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
          12,
        ),
      /'w' overlaps/,
    ],
    [
      'a name given twice',
      () =>
        craft(
          '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
          8,
        ),
      /'w' leaves a gap/,
    ],
    ...(['F8_E4M3', 'F8_E5M2', 'U8'] as const).map((dtype): [string, () => void, RegExp] => [
      `numbers of ${dtype}`,
      () => craft(entry({ dtype, data_offsets: [0, 2] }), 2),
      new RegExp(`'w' is ${dtype}; the model reads F32, F16 and BF16; the checkpoint is quantized`),
    ]),
    ...(['U16', 'I16'] as const).map((dtype): [string, () => void, RegExp] => [
      `numbers of ${dtype}`,
      () => craft(entry({ dtype, data_offsets: [0, 4] }), 4),
      new RegExp(`'w' is ${dtype}; the model reads`),
    ]),
    ['numbers of U32', () => craft(entry({ dtype: 'U32' }), 8), /'w' is U32; the model reads F32, F16 and BF16/],
    [
      'numbers of half a byte',
      () => craft(entry({ dtype: 'F4', data_offsets: [0, 1] }), 1),
      /'w' is F4; the model reads F32, F16 and BF16/,
    ],
    [
      'a type the model cannot use',
      () => craft('{"w":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}', 8),
      /'w' is I64/,
    ],
  ];
  for (const [what, make, expected] of cases) {
    it(what, () => {
      make();
      assert.throws(read, (error: Error) => expected.test(error.message) && error.message.includes(file));
    });
  }
});
