/**
 * What `npm start` and its like run first: plain JavaScript, as nothing is installed yet. It installs the npm packages by the
 * lock file, compiles lib, and hands over to the compiled set-up.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
// The whole module: an old Node lacks some of its names, and must still get as far as saying that it is old.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const HELP = `npm start              set up what is missing, then run notebooks 01-04 with the quick profile
                       (npm start -- tiny: in under two minutes, but the model learns nothing)
npm test [-- PLACE]    set up what is missing, then types, lint and tests (all, or those of a file or folder)
npm run lab            JupyterLab with the TypeScript kernel, on this machine's own address, token on
npm run doctor         what computes here, what is missing and how to mend it (-- --json)
npm run bench          speed and memory, beside PyTorch, transformers and TRL (-- --no-peers, -- --headlines;
                       -- --size=2b or 7b: a random checkpoint of Qwen2-VL's shape, up to 22 GB of memory;
                       -- --memory: of the optimizer and of pictures;
                       -- --gpu: on a GPU, in under eight minutes; -- --trainers: installs verl and ms-swift for tests, 6 GB)
npm run study          train and evaluate a study, cell by cell, resumable (-- --profile standard; options: npx reason-rft study --help)
npm run ray            a Ray cluster of this machine (installs Ray into runs/ray), for study -- --ray http://127.0.0.1:8265
npm run pretrain       pretrain the base model of all three tasks into runs/pretrain (resumable; hours)
npm run build          compile lib

Set-up needs Node >= 20.19, Python 3.10-3.13 with venv, a C++ compiler and about 4 GB of disk. It writes nothing outside this
folder, package caches aside. -- --wasm does without TensorFlow and compiler, about 25 times slower.`;
const COMMANDS = ['start', 'test', 'lab', 'doctor', 'bench', 'study', 'ray', 'tensorboard', 'pretrain', 'build'];
const LEAST_NODE = [20, 19];
const GIGABYTES = 4;
/** How the names of a source file's outputs end. */
const COMPILED = /\.(d\.ts|js|js\.map)$/;

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const stamp = path.join(root, 'node_modules', '.reason-rft-lock');
const [command, ...args] = process.argv.slice(2);

if (args.includes('--help') || !COMMANDS.includes(command)) {
  console.log(HELP);
  process.exit(args.includes('--help') ? 0 : 2);
}
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1]))
  fail(
    `Node ${process.versions.node} is too old; install Node ${LEAST_NODE.join('.')} or newer (nodejs.org), then run the same again`,
  );

const digest = createHash('sha256')
  .update(fs.readFileSync(path.join(root, 'package-lock.json')))
  .update(`${process.platform}-${process.arch}`)
  .digest('hex');
const isOutdated = !fs.existsSync(stamp) || fs.readFileSync(stamp, 'utf8') !== digest;
if (isOutdated) {
  if (command === 'doctor') reportNothing();
  installPackages();
}
compileLibrary();
// New packages come without TensorFlow's binding: where the kit was set up, it is built again.
const losesBinding = isOutdated && fs.existsSync(path.join(root, '.venv'));
if (command !== 'build' || losesBinding) {
  process.argv.splice(1, 1, path.join(root, 'lib', 'dist', 'setup', 'main.js'));
  createRequire(import.meta.url)(process.argv[1]);
}

/** `npm ci`, which removes a half-made or older node_modules first. */
function installPackages() {
  const free = freeGigabytes();
  if (free < GIGABYTES && !fs.existsSync(path.join(root, '.venv')))
    fail(`only ${free.toFixed(1)} GB of disk are free; set-up needs ${GIGABYTES}: free some and run the same again`);
  const started = Date.now();
  process.stdout.write('set-up: npm packages ... ');
  fs.rmSync(stamp, { force: true });
  // The npm that runs this script; a plain `node` finds one on the search path.
  const running = process.env.npm_execpath ?? '';
  const npm = /npm-cli\.[cm]?js$/.test(running) ? [process.execPath, running] : ['npm'];
  const [program, ...rest] = [...npm, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const result = spawnSync(program, rest, { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) {
    console.log('failed');
    const said = `${result.stderr ?? ''}${result.error?.message ?? ''}`;
    if (result.signal || result.status === 130) process.exit(130);
    if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH/.test(said))
      fail("npm reaches no registry; connect to a network (or set npm's registry) and run the same again");
    if (/ENOSPC/.test(said)) fail(`the disk is full; free about ${GIGABYTES} GB and run the same again`);
    if (/EACCES|EPERM/.test(said))
      fail('npm may not write to this folder or its cache; make them yours (chown) and run the same again');
    fail(`npm ci failed; its last words:\n${said.trim().split('\n').slice(-8).join('\n')}`);
  }
  fs.writeFileSync(stamp, digest);
  console.log(`${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** Compiles lib. The compiler knows what changed since it last ran; where its output was removed, it compiles everything. */
function compileLibrary() {
  const output = path.join(root, 'lib', 'dist');
  if (!fs.existsSync(path.join(output, 'index.js'))) fs.rmSync(output, { recursive: true, force: true });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-p', path.join(root, 'lib')], { cwd: root, encoding: 'utf8' });
  if (result.signal) process.exit(130);
  if (result.status !== 0) fail(`lib does not compile:\n${result.stdout}${result.stderr}`);
  removeOrphans(output, path.join(root, 'lib'));
}

/**
 * Removes compiled files whose source was moved or deleted: the compiler leaves them, and an import of the old path would go on
 * running old code. The compiler runs first and forgets them; otherwise it would not write them again if the source came back.
 */
function removeOrphans(outputFolder, sourceFolder) {
  for (const entry of fs.readdirSync(outputFolder, { withFileTypes: true })) {
    const output = path.join(outputFolder, entry.name);
    if (entry.isDirectory()) {
      removeOrphans(output, path.join(sourceFolder, entry.name));
      if (fs.readdirSync(output).length === 0) fs.rmdirSync(output);
    } else if (COMPILED.test(entry.name)) {
      const source = path.join(sourceFolder, entry.name.replace(COMPILED, '.ts'));
      if (!fs.existsSync(source)) fs.rmSync(output);
    }
  }
}

/** The doctor's report where there are no packages yet to look deeper with. */
function reportNothing() {
  const facts = {
    node: process.versions.node,
    threads: String(os.availableParallelism()),
    memory: `${(os.freemem() / 1e9).toFixed(1)} GB free of ${(os.totalmem() / 1e9).toFixed(1)} GB`,
    disk: `${freeGigabytes().toFixed(1)} GB free`,
  };
  const packages = fs.existsSync(stamp) ? 'npm packages as the lock file has them now' : 'npm packages';
  const missing = [{ what: packages, mend: 'npm start' }];
  if (args.includes('--json')) console.log(JSON.stringify({ found: facts, missing }, null, 2));
  else {
    for (const [name, value] of Object.entries(facts)) console.log(`${name.padEnd(12)}${value}`);
    console.log(`missing     ${packages}; mend: npm start`);
  }
  process.exit(1);
}

function freeGigabytes() {
  const { bavail, bsize } = fs.statfsSync(root);
  return (bavail * bsize) / 1e9;
}

function fail(message) {
  console.error(`set-up: ${message}`);
  process.exit(1);
}
