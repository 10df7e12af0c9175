/** The part of set-up that runs before anything is installed, run as a process in a folder that holds nothing else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { repositoryRoot } from '../../lib/study/workspace.js';

const folder = mkdtempSync(path.join(tmpdir(), 'reason-rft-bare-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const script = path.join(folder, 'lib', 'setup', 'bootstrap.mjs');
mkdirSync(path.dirname(script), { recursive: true });
copyFileSync(path.join(repositoryRoot(), 'lib', 'setup', 'bootstrap.mjs'), script);
writeFileSync(path.join(folder, 'package-lock.json'), '{}');

function run(args: string[], env: NodeJS.ProcessEnv = {}) {
  return spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { ...process.env, ...env } });
}

test('help needs no packages; an unknown command gets it too, with exit code 2', () => {
  const help = run(['start', '--help']);
  assert.equal(help.status, 0);
  assert.match(help.stdout, /npm run doctor/);
  assert.equal(run(['strat']).status, 2);
});

test('the doctor of a bare folder says that the packages are missing, with exit code 1', () => {
  const report = run(['doctor', '--json']);
  assert.equal(report.status, 1);
  const { found, missing } = JSON.parse(report.stdout) as { found: { node: string }; missing: object[] };
  assert.equal(found.node, process.versions.node);
  assert.deepEqual(missing, [{ what: 'npm packages', mend: 'npm start' }]);
});

test('no registry in reach: one line with the remedy, and no stamp that would let the next run pass', () => {
  // A folder whose lock file asks for one package, and a registry address where nothing listens.
  writeFileSync(
    path.join(folder, 'package.json'),
    JSON.stringify({ name: 'bare', version: '1.0.0', dependencies: { zod: '4.6.7' } }),
  );
  writeFileSync(
    path.join(folder, 'package-lock.json'),
    JSON.stringify({
      name: 'bare',
      version: '1.0.0',
      lockfileVersion: 3,
      packages: {
        '': { name: 'bare', version: '1.0.0', dependencies: { zod: '4.6.7' } },
        'node_modules/zod': { version: '4.6.7' },
      },
    }),
  );
  const result = run(['start'], {
    npm_config_registry: 'http://127.0.0.1:9/',
    npm_config_fetch_retries: '0',
    npm_config_cache: path.join(folder, 'cache'),
  });
  assert.equal(result.status, 1);
  assert.equal(
    result.stderr.trim(),
    "set-up: npm reaches no registry; connect to a network (or set npm's registry) and run the same again",
  );
  assert.match(run(['doctor']).stdout, /missing +npm packages; mend: npm start/);
});

test('a source that moves takes its compiled files along: nothing old is left for an import to find', () => {
  const place = mkdtempSync(path.join(tmpdir(), 'reason-rft-build-'));
  try {
    const write = (name: string, text: string) => {
      mkdirSync(path.dirname(path.join(place, name)), { recursive: true });
      writeFileSync(path.join(place, name), text);
    };
    const compilerOptions = { outDir: 'dist', rootDir: '.', module: 'nodenext', declaration: true, sourceMap: true };
    const options = { ...compilerOptions, incremental: true, tsBuildInfoFile: 'dist/.tsbuildinfo', types: [] };
    write('lib/tsconfig.json', JSON.stringify({ compilerOptions: options, include: ['**/*.ts'], exclude: ['dist'] }));
    write('lib/index.ts', 'export const all = 1;\n');
    write('lib/old/name.ts', 'export const one = 1;\n');
    write('package-lock.json', '{}');
    mkdirSync(path.join(place, 'lib', 'setup'));
    mkdirSync(path.join(place, 'node_modules'));
    const inPackages = (name: string) => path.join(place, 'node_modules', name);
    copyFileSync(script, path.join(place, 'lib', 'setup', 'bootstrap.mjs'));
    symlinkSync(path.join(repositoryRoot(), 'node_modules', 'typescript'), inPackages('typescript'), 'junction');
    symlinkSync(path.join(repositoryRoot(), 'node_modules', '@typescript'), inPackages('@typescript'), 'junction');
    // The stamp of installed packages, so that none are installed.
    const platform = `${process.platform}-${process.arch}`;
    writeFileSync(inPackages('.reason-rft-lock'), createHash('sha256').update('{}').update(platform).digest('hex'));

    const compiled = () => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [path.join(place, 'lib', 'setup', 'bootstrap.mjs'), 'build'],
        { encoding: 'utf8' },
      );
      assert.equal(status, 0, stdout + stderr);
      const files = readdirSync(path.join(place, 'lib', 'dist'), { recursive: true, encoding: 'utf8' });
      return files.filter((name) => /name/.test(name) || name === 'old').sort();
    };
    const outputs = (stem: string) => ['.d.ts', '.js', '.js.map'].map((end) => path.join('old', stem + end));
    assert.deepEqual(compiled(), ['old', ...outputs('name')]);
    renameSync(path.join(place, 'lib', 'old', 'name.ts'), path.join(place, 'lib', 'old', 'new-name.ts'));
    assert.deepEqual(compiled(), ['old', ...outputs('new-name')]);
    rmSync(path.join(place, 'lib', 'old'), { recursive: true });
    assert.deepEqual(compiled(), []);
    // A source that comes back is compiled again.
    write('lib/old/name.ts', 'export const one = 1;\n');
    assert.deepEqual(compiled(), ['old', ...outputs('name')]);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
});
