/**
 * What `npm start` and its like run first: plain JavaScript, as nothing is installed yet. It installs the npm packages by the
 * lock file, compiles lib, and hands over to the compiled set-up.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '..');
const LEAST_NODE = [20, 19];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < LEAST_NODE[0] || (major === LEAST_NODE[0] && minor < LEAST_NODE[1])) {
  fail(
    `Node ${process.versions.node} is too old; install Node ${LEAST_NODE.join('.')} or newer (20, 22 and 24 are tried)`,
  );
}
const command = process.argv[2];
if (command === 'doctor' && !existsSync(path.join(root, 'node_modules', '.reason-rft-lock'))) {
  console.log('npm packages    missing; run: npm start');
  process.exit(1);
}
installPackages();
compileLibrary();
process.argv.splice(1, 1, path.join(root, 'lib', 'dist', 'setup', 'main.js'));
createRequire(import.meta.url)(process.argv[1]);

/** `npm ci` where node_modules is missing, half-made or older than the lock file. */
function installPackages() {
  const lock = createHash('sha256')
    .update(readFileSync(path.join(root, 'package-lock.json')))
    .digest('hex');
  const stamp = path.join(root, 'node_modules', '.reason-rft-lock');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return;
  const started = Date.now();
  process.stdout.write('set-up: npm packages ... ');
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const result = spawnSync(npm, ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (result.status !== 0) {
    console.log('failed');
    const said = `${result.stderr ?? ''}${result.error?.message ?? ''}`;
    if (/ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET/.test(said))
      fail("npm reaches no registry; connect to a network (or set npm's registry) and run the same again");
    if (/ENOSPC/.test(said)) fail('the disk is full; free about 4 GB and run the same again');
    fail(`npm ci failed; its last words:\n${said.trim().split('\n').slice(-8).join('\n')}`);
  }
  mkdirSync(path.dirname(stamp), { recursive: true });
  writeFileSync(stamp, lock);
  console.log(`${((Date.now() - started) / 1000).toFixed(0)} s`);
}

/** The TypeScript compiler decides itself what changed. A build whose output was removed starts afresh. */
function compileLibrary() {
  const output = path.join(root, 'lib', 'dist');
  if (!existsSync(path.join(output, 'index.js'))) rmSync(output, { recursive: true, force: true });
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const result = spawnSync(process.execPath, [compiler, '-p', path.join(root, 'lib')], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) fail(`lib does not compile:\n${result.stdout}${result.stderr}`);
}

function fail(message) {
  console.error(`set-up: ${message}`);
  process.exit(1);
}
