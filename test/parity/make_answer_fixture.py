"""Makes test/parity/fixtures/answers/math-verify.json: what Math-Verify says of each pair of answers in pairs.json, which is written by
hand. Needs math-verify 0.9.0; run by hand when the pairs change:

    python test/parity/make_answer_fixture.py
"""

import importlib.metadata
import json
import logging
import os

from math_verify import parse, verify

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "answers")
PACKAGES = ["math-verify", "latex2sympy2_extended", "sympy"]


def read(answer):
    # Its LaTeX is read between dollar signs alone.
    marked = any(mark in answer for mark in ["$", "\\boxed", "\\("])
    return parse(answer if marked else f"${answer}$", parsing_timeout=None)


logging.disable(logging.CRITICAL)
with open(os.path.join(OUT, "pairs.json"), encoding="utf-8") as file:
    pairs = json.load(file)
verdicts = [
    {
        "answer": pair["answer"],
        "gold": pair["gold"],
        "equal": bool(verify(read(pair["gold"]), read(pair["answer"]), timeout_seconds=None)),
    }
    for pair in pairs
]
versions = {name: importlib.metadata.version(name) for name in PACKAGES}
with open(os.path.join(OUT, "math-verify.json"), "w", encoding="utf-8") as file:
    lines = ",\n".join(json.dumps(verdict, ensure_ascii=False) for verdict in verdicts)
    file.write(f'{{"versions": {json.dumps(versions)}, "pairs": [\n{lines}\n]}}\n')
