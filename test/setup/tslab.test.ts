/** The kernel that set-up registers: what tslab alone gets wrong. Each test runs cells in it. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { kernelLine } from '../../lib/setup/kernel.js';
import { ROOT } from '../../lib/setup/layout.js';
import { KernelClient } from '../support/kernel.js';

// Inside the repository, where cells find its packages.
mkdirSync(path.join(ROOT, 'runs'), { recursive: true });
const folder = mkdtempSync(path.join(ROOT, 'runs', 'kernel-test-'));
let kernel: KernelClient;

/** A package that is compiled somewhere else and linked in, as the library is. */
const library = path.join(folder, 'library');
function buildLibrary(files: { [name: string]: string }): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(library, name), text);
}

before(async () => {
  mkdirSync(path.join(folder, 'node_modules'), { recursive: true });
  mkdirSync(library);
  buildLibrary({
    'package.json': '{ "name": "library", "version": "1.0.0", "main": "index.js", "types": "index.d.ts" }',
    'index.d.ts': 'export declare const version: number;\n',
    'index.js': 'exports.version = 1;\n',
  });
  symlinkSync(library, path.join(folder, 'node_modules', 'library'), 'dir');
  // A library of long steps: as in training, they compute without a pause, and the loop hears an interrupt between them.
  buildLibrary({
    'steps.d.ts': 'export declare function train(seconds: number, steps: number): Promise<void>;\n',
    'steps.js': `
class TrainingStopped extends Error {}
exports.train = async (seconds, steps) => {
  let stop = false;
  const listen = () => { stop = true; };
  await new Promise((resolve) => setImmediate(resolve));
  process.on('SIGINT', listen);
  try {
    for (let step = 0; step < steps; step++) {
      const end = Date.now() + 1000 * seconds;
      while (Date.now() < end);
      await new Promise((resolve) => setImmediate(resolve));
      if (stop) throw Object.assign(new Error('stopped after step ' + (step + 1)), { name: 'TrainingStopped' });
    }
  } finally {
    process.off('SIGINT', listen);
  }
};
`,
  });
  kernel = await KernelClient.start(kernelLine(), folder, { REASON_RFT_QUIET_SECONDS: '1' });
});
after(async () => {
  assert.ok(await kernel.stop(), 'the kernel did not end when it was asked to');
  rmSync(folder, { recursive: true, force: true });
});

test('a kernel whose sockets are bound slowly answers a client that asks before', async () => {
  const preload = path.join(ROOT, 'test', 'support', 'slow-bind.cjs');
  const slow = await KernelClient.start(kernelLine(), folder, { NODE_OPTIONS: `--require "${preload}"` });
  assert.equal((await slow.run('1 + 1')).stdout.trim(), '2');
  assert.ok(await slow.stop());
});

test('a shorthand property takes a name of an earlier cell', async () => {
  assert.equal((await kernel.run("import { version } from 'library';\nconst a = 1;\nlet b = 2;")).stderr, '');
  const { status, stdout, stderr } =
    await kernel.run(`console.log(JSON.stringify({ a, deep: { version, list: [{ b }] } }));
const parts = { a: 5, b: 6 };
let c = 0;
({ a: c, b } = parts);
console.log(b, c);`);
  assert.deepEqual(
    { status, stdout, stderr },
    {
      status: 'ok',
      stdout: '{"a":1,"deep":{"version":1,"list":[{"b":2}]}}\n6 5\n',
      stderr: '',
    },
  );
});

test('the value of the last line is printed, but no promise', async () => {
  assert.equal((await kernel.run('a + 1')).stdout, '2\n');
  assert.equal((await kernel.run('Promise.resolve(1)')).stdout, '');
});

test('the place of a fault behind a shorthand property is the place in the cell as it was written', async () => {
  const { status, stderr } = await kernel.run('const pair = { a, b }; const text: string = 3;');
  assert.equal(status, 'error');
  assert.match(stderr, /^1:30 - Type 'number' is not assignable/);
});

test('a library that is built anew while the kernel runs does not end the next cell', async () => {
  for (const [name, type] of Object.entries({ first: 'string', second: 'boolean' })) {
    buildLibrary({
      'index.d.ts': `export declare const version: ${type};\nexport * from './${name}';\n`,
      [`${name}.d.ts`]: `export declare const ${name}: ${type};\n`,
      [`${name}.js`]: '',
    });
    // A module that a cell has looked for in vain, and that then comes, is looked for again.
    assert.match((await kernel.run(`import { ${name} } from './module-${name}';`)).stderr, /Cannot find module/);
    writeFileSync(path.join(folder, `module-${name}.ts`), `export const ${name} = 1;\n`);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const { status, stdout, stderr } = await kernel.run(
      `import { ${name} } from './module-${name}';\nconst known: number = version;\nconsole.log(known, ${name});`,
    );
    assert.deepEqual({ status, stdout, stderr }, { status: 'ok', stdout: '1 1\n', stderr: '' });
  }
});

test('the kernel is busy as long as a cell runs, whatever else it is asked', async () => {
  const first = kernel.start('const early = 1;');
  const second = kernel.start('await new Promise((resolve) => setTimeout(resolve, 1500)); console.log(early);');
  assert.equal(await first.ended, 'ok');
  await kernel.until(() => kernel.status(first.id) === 'idle', 'the end of the first cell');
  await kernel.request('complete_request', { code: 'ear', cursor_pos: 3 });
  await kernel.request('kernel_info_request', {});
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(kernel.status(), 'busy');
  assert.equal(await second.ended, 'ok');
  await kernel.until(() => kernel.status() === 'idle', 'the kernel to be idle');
});

test('a step that computes long gives signs of life, and an interrupt ends it with its own words in one line', async () => {
  await kernel.run("import { train } from 'library/steps';");
  const cell = kernel.start('await train(4, 5);');
  const lines = () =>
    kernel.said
      .filter(({ type, parent }) => parent === cell.id && /display_data/.test(type))
      .map(({ content }) => content.data!['text/plain']!);
  await kernel.until(() => lines().length > 0, 'a sign of life');
  assert.match(lines()[0]!, /^computing without a pause for \d+ s$/);
  await kernel.interrupt();
  await kernel.until(() => /interrupted/.test(lines().at(-1)!), 'the interrupt to be heard');
  assert.equal(kernel.status(), 'busy');
  assert.equal(await cell.ended, 'error');
  await kernel.until(() => kernel.status() === 'idle', 'the end of the cell');
  assert.equal(kernel.text(cell.id, 'stdout'), 'stopped after step 1\n');
  assert.equal(kernel.text(cell.id, 'stderr'), '');
  assert.equal(lines().at(-1), '');
  const ids = kernel.said
    .filter(({ parent }) => parent === cell.id)
    .flatMap(({ content }) => content.transient?.display_id ?? []);
  assert.equal(new Set(ids).size, 1, 'more than one line under the cell');
  await kernel.pauseAfterError();
});

test('a cell that listens for the interrupt from its first line on ends as it says, and the kernel lives', async () => {
  const cell = kernel.start(`await new Promise<void>((resolve) => process.once('SIGINT', resolve));
console.log('heard');`);
  await new Promise((resolve) => setTimeout(resolve, 1500));
  await kernel.interrupt();
  assert.equal(await cell.ended, 'ok');
  await kernel.until(() => kernel.text(cell.id, 'stdout') !== '', 'the word');
  assert.equal(kernel.text(cell.id, 'stdout'), 'heard\n');
});

test('an interrupt that nobody listens for ends the cell at once, and a computation in the cell too', async () => {
  for (const code of ['await new Promise((resolve) => setTimeout(resolve, 4000));', 'while (true) {}']) {
    const cell = kernel.start(code);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await kernel.interrupt();
    assert.equal(await cell.ended, 'error');
    await kernel.until(() => kernel.status() === 'idle', 'the end of the cell');
    assert.match(kernel.text(cell.id, 'stdout'), /^interrupted.*\n$/);
    assert.equal(kernel.text(cell.id, 'stderr'), '');
    await kernel.pauseAfterError();
  }
});

test('an error is shown with its message and the frames of the reader, without those of the kernel', async () => {
  const { status, stderr } = await kernel.run("function score() { throw new Error('no <answer>'); }\nscore();");
  assert.equal(status, 'error');
  assert.match(stderr, /Error: no <answer>\n\s+at score \(.*\n$/);
  assert.doesNotMatch(stderr, /node_modules|node:|setup/);
});

test('completion offers settings inside a literal', async () => {
  const code = "import { grpoSettings } from 'reason-rft';\nconst settings = grpoSettings({ steps: 1, be";
  const reply = (await kernel.request('complete_request', { code: `${code} });`, cursor_pos: code.length })) as {
    matches: string[];
  };
  assert.deepEqual(reply.matches.slice(0, 1), ['beta']);
  const schedule = "import { sftSettings } from 'reason-rft';\nsftSettings({ schedule: { warm";
  const nested = await kernel.request('complete_request', { code: `${schedule} } });`, cursor_pos: schedule.length });
  assert.deepEqual((nested as typeof reply).matches.slice(0, 1), ['warmupSteps']);
});
