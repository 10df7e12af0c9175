/** The Python packages that parity tests compare with, where `npm run bench` has installed them. */
import { readStamp } from '../../lib/setup/layout.js';
import { PEERS_PYTHON, PEERS_STAMP } from '../../lib/setup/peers.js';

/** The Python that has the peers' packages; undefined where none were installed yet. */
export function installedPeers(): string | undefined {
  return readStamp(PEERS_STAMP) === undefined ? undefined : PEERS_PYTHON;
}
