/** The part of set-up that runs before anything is installed, run as a process in a folder that holds nothing else. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
