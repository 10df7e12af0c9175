/** The other trainers whose loaders read a hand-over, where `npm run bench -- --trainers` has installed them. */
import { readStamp } from '../../lib/setup/layout.js';
import { TRAINERS_PYTHON, TRAINERS_STAMP } from '../../lib/setup/peers.js';

/** The Python that has verl and ms-swift; undefined where they were not installed yet. */
export function installedTrainers(): string | undefined {
  return readStamp(TRAINERS_STAMP) === undefined ? undefined : TRAINERS_PYTHON;
}
