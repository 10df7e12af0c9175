/** Which card computes, and the words for why none does, with a stub in place of `nvidia-smi`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, beforeEach, describe, it, test } from 'node:test';
import {
  cudaCompilerFolder,
  findCards,
  findCudaLibraries,
  type GpuFacts,
  gpuFacts,
  hasCodeFor,
  hideCards,
  parseBuild,
  parseCards,
  readBuild,
  whyNoGpu,
} from '../../lib/engine/gpu.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-gpu-'));
const environment = { ...process.env };
after(() => rmSync(folder, { recursive: true, force: true }));
beforeEach(() => {
  for (const name of ['PATH', 'CUDA_VISIBLE_DEVICES', 'CUDA_DEVICE_ORDER', 'REASON_RFT_DEVICE']) {
    delete process.env[name];
    if (environment[name] !== undefined) process.env[name] = environment[name];
  }
});

const [HOPPER, BLACKWELL] = ['0, NVIDIA H100 80GB HBM3, 81559, 9.0', '1, NVIDIA GeForce RTX 5090, 32607, 12.0'];

/** Puts a program first on the path that answers as nvidia-smi does. */
function stubDriver(...cards: string[]): void {
  const program = path.join(folder, 'nvidia-smi');
  writeFileSync(program, `#!/bin/sh\ncat <<'END'\n${cards.join('\n')}\nEND\n`);
  chmodSync(program, 0o755);
  process.env.PATH = `${folder}:${process.env.PATH}`;
}

const BUILD_INFO = `import collections
build_info = collections.OrderedDict([('cpu_compiler', 'clang'), ('cuda_compute_capabilities', ['sm_60', 'sm_70', 'sm_80', 'sm_89', 'compute_90']), ('cuda_version', '12.5.1'), ('cudnn_version', '9'), ('is_cuda_build', True), ('is_rocm_build', False)])
`;

/** A folder that looks like a TensorFlow with CUDA, with two of its libraries beside it. */
function fakeTensorflow(): string {
  const tensorflow = path.join(folder, 'site-packages', 'tensorflow');
  mkdirSync(path.join(tensorflow, 'python', 'platform'), { recursive: true });
  writeFileSync(path.join(tensorflow, 'python', 'platform', 'build_info.py'), BUILD_INFO);
  for (const [part, name] of [
    ['cuda_runtime', 'libcudart.so.12'],
    ['cublas', 'libcublas.so.12'],
  ] as const) {
    const place = path.join(folder, 'site-packages', 'nvidia', part, 'lib');
    mkdirSync(place, { recursive: true });
    writeFileSync(path.join(place, name), '');
  }
  return tensorflow;
}

test('cards are read from nvidia-smi, of an old driver without their capability', () => {
  assert.deepEqual(parseCards(`${HOPPER}\n${BLACKWELL}\n`), [
    { index: 0, name: 'NVIDIA H100 80GB HBM3', memoryMegabytes: 81559, capability: '9.0' },
    { index: 1, name: 'NVIDIA GeForce RTX 5090', memoryMegabytes: 32607, capability: '12.0' },
  ]);
  assert.deepEqual(parseCards('0, Tesla K80, 11441\n'), [{ index: 0, name: 'Tesla K80', memoryMegabytes: 11441 }]);
  stubDriver(HOPPER);
  assert.equal(findCards()![0]!.capability, '9.0');
  process.env.PATH = path.join(folder, 'nowhere');
  assert.equal(findCards(), undefined);
});

test('XLA finds the compiler of CUDA beside TensorFlow, where it is there', () => {
  const tensorflow = fakeTensorflow();
  assert.equal(cudaCompilerFolder(tensorflow), undefined);
  const compiler = path.join(folder, 'site-packages', 'nvidia', 'cuda_nvcc');
  mkdirSync(compiler);
  assert.equal(path.resolve(cudaCompilerFolder(tensorflow)!), path.resolve(compiler));
  rmSync(compiler, { recursive: true });
});

test('what a TensorFlow was built for is read from its own file', () => {
  assert.deepEqual(parseBuild(BUILD_INFO), {
    cuda: true,
    capabilities: ['6.0', '7.0', '8.0', '8.9', '9.0'],
    versions: 'CUDA 12.5.1, cuDNN 9',
  });
  assert.deepEqual(parseBuild("OrderedDict([('is_cuda_build', False)])"), {
    cuda: false,
    capabilities: [],
    versions: '',
  });
  assert.equal(readBuild(path.join(folder, 'nowhere')), undefined);
});

test('code for a card is code of its generation, from its revision or an earlier one; Blackwell has none', () => {
  const build = parseBuild(BUILD_INFO);
  const has = (capability: string | undefined) =>
    hasCodeFor({ index: 0, name: 'card', memoryMegabytes: 1, capability }, build);
  assert.deepEqual(
    ['6.1', '7.5', '8.6', '8.9', '9.0'].map(has),
    [true, true, true, true, true],
    'Pascal, Turing, Ampere, Ada and Hopper',
  );
  assert.deepEqual(['3.7', '10.0', '12.0'].map(has), [false, false, false], 'Kepler and Blackwell');
  assert.equal(has(undefined), true);
  assert.equal(hasCodeFor(parseCards(BLACKWELL)[0]!, undefined), false, 'also before TensorFlow is installed');
});

describe('whyNoGpu', () => {
  const build = parseBuild(BUILD_INFO);
  const libraries = { libcudart: '/lib/libcudart.so.12', libcudnn: '/lib/libcudnn.so.9' };
  const facts: GpuFacts = { cards: parseCards(HOPPER), build, libraries };
  for (const [what, changed, words] of [
    ['the CPU was asked for', { asked: 'cpu' }, /REASON_RFT_DEVICE=cpu asks for the CPU/],
    ['no driver', { cards: undefined }, /nvidia-smi finds no NVIDIA driver/],
    ['no card', { cards: [] }, /names no card/],
    [
      'no code for the card',
      { cards: parseCards(BLACKWELL) },
      /no code for NVIDIA GeForce RTX 5090 \(34 GB, compute capability 12\.0\); it has code for 6\.0, .*9\.0$/,
    ],
    ['hidden cards', { visible: '-1' }, /CUDA_VISIBLE_DEVICES='-1' hides every card/],
    ['no card listed', { visible: '' }, /CUDA_VISIBLE_DEVICES='' hides every card/],
    ['no CUDA', { build: { ...build, cuda: false } }, /built without CUDA; npm start installs the one with CUDA/],
    ['no cuDNN', { libraries: { ...libraries, libcudnn: undefined } }, /CUDA libraries were not found: libcudnn$/],
    ['neither', { visible: '0' }, /does not say why; with TF_CPP_MIN_LOG_LEVEL=0/],
  ] as const) {
    it(what, () => assert.match(whyNoGpu({ ...facts, ...changed } as GpuFacts), words));
  }
});

test('CUDA libraries are looked for beside TensorFlow', () => {
  const libraries = findCudaLibraries(fakeTensorflow());
  assert.match(libraries.libcudart!, /cuda_runtime\/lib\/libcudart\.so\.12$/);
  assert.match(libraries.libcublas!, /libcublas\.so\.12$/);
  assert.ok('libcudnn' in libraries);
});

test('a card without code is hidden before TensorFlow is loaded, and said so; the CPU goes on, or another card', () => {
  const tensorflow = fakeTensorflow();
  stubDriver(BLACKWELL);
  assert.match(hideCards(undefined, tensorflow)!, /no code for NVIDIA GeForce RTX 5090 .*: it computes on the CPU$/);
  assert.equal(process.env.CUDA_VISIBLE_DEVICES, '-1');
  assert.match(whyNoGpu(gpuFacts(tensorflow)), /no code for NVIDIA GeForce RTX 5090/);
  delete process.env.CUDA_VISIBLE_DEVICES;
  stubDriver(HOPPER, BLACKWELL);
  assert.match(hideCards(undefined, tensorflow)!, /it computes on NVIDIA H100 80GB HBM3 \(86 GB/);
  assert.equal(process.env.CUDA_VISIBLE_DEVICES, '0');
  delete process.env.CUDA_VISIBLE_DEVICES;
  stubDriver(HOPPER);
  assert.equal(hideCards(undefined, tensorflow), undefined);
  assert.equal(process.env.CUDA_VISIBLE_DEVICES, undefined);
});

test('the CPU hides every card without a word', () => {
  assert.equal(hideCards('cpu', fakeTensorflow()), undefined);
  assert.equal(process.env.CUDA_VISIBLE_DEVICES, '-1');
});

test('REASON_RFT_DEVICE: an unknown value, and a GPU where none computes, are errors that say why', () => {
  const start = (device: string) => {
    const script = `require(${JSON.stringify(path.join(__dirname, '..', '..', 'lib', 'engine', 'backend.ts'))}).startEngine()
      .then(({ gpu }) => console.log(gpu), ({ message }) => console.log(message));`;
    const env = { ...process.env, REASON_RFT_DEVICE: device, PATH: path.dirname(process.execPath) };
    return spawnSync(process.execPath, ['--import', 'tsx', '-e', script], { encoding: 'utf8', env }).stdout.trim();
  };
  assert.equal(start('tpu'), "REASON_RFT_DEVICE must be cpu or gpu, or not set, but is 'tpu'");
  assert.match(start('gpu'), /asks for a GPU, but none computes: nvidia-smi finds no NVIDIA driver; without/);
  assert.equal(start('cpu'), 'false');
});
