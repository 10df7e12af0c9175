/** How the paper's paradigms are drawn as lines: one colour, dash and marker in every figure of a study. */

import type { PaperParadigm } from '../../study/design/paradigms.js';
import { type SeriesStyle, seriesStyle } from '../style.js';

/** The series of each paradigm: the four of the seven whose lightness lies furthest apart, and black. */
const PARADIGM_SERIES: { readonly [paradigm in PaperParadigm]: number } = {
  'zero-shot': 6,
  'ans-sft': 1,
  'cot-sft': 3,
  'reason-rft-zero': 5,
  'reason-rft': 0,
};

/** The style of a paradigm, the same in every figure. */
export function paradigmStyle(paradigm: PaperParadigm): SeriesStyle {
  return seriesStyle(PARADIGM_SERIES[paradigm]);
}
