/** Finds a Python that has some packages: that of `.venv`, that of the peers, or the one that the shell finds. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { VENV_PYTHON } from '../../lib/setup/layout.js';
import { installedPeers } from './installed-peers.js';

/** The first Python that has all packages; undefined where none has. */
export function pythonWith(...packages: string[]): string | undefined {
  const code = `import importlib.util as u, sys; sys.exit(any(u.find_spec(name) is None for name in sys.argv[1:]))`;
  const candidates = [VENV_PYTHON, installedPeers(), 'python3'].filter(
    (python) => python === 'python3' || (python !== undefined && existsSync(python)),
  );
  return candidates.find((python) => spawnSync(python!, ['-c', code, ...packages], { stdio: 'ignore' }).status === 0);
}
