"""The rewards of ms-swift: those of the kit's server (sh rewards/serve.sh), each under its own name (--external_plugins).

One request of the main process answers all of a step, so a reward sees whole groups however the completions are shared among devices.
"""
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from accelerate import PartialState  # noqa: E402
from accelerate.utils import broadcast_object_list, gather_object  # noqa: E402
from reward_client import RewardServer, RewardServerError  # noqa: E402
from swift.rewards import ORM, orms  # noqa: E402

EVALUATION_STEP = 2**53 - 1
"""The step that rewards read in an evaluation: later than any that they wait for."""

with open(HERE / "config" / "grpo.json") as file:
    CONFIG = json.load(file)


class Rewards:
    """What the completions of a step are worth, asked for by the first reward function and kept for the others."""

    def __init__(self):
        self.server = None
        self.question = None
        self.scores = None
        self.ends = None

    def of(self, place, name, completions, columns):
        # ms-swift calls the functions one after the other, on every device in the same order.
        question = (columns["id"], completions)
        if place == 0:
            self.scores = self._ask(completions, columns)
            self.question = question
        elif self.question != question:
            raise RewardServerError("ms-swift asks the rewards about different completions; they are those of one step")
        return self.scores[name]

    def _ask(self, completions, columns):
        own = [
            {"id": row, "completion": completion, "tokens": len(tokens), "cut": cut and not self._ended(tokens)}
            for row, completion, tokens, cut in zip(columns["id"], completions, map(flat, columns["response_token_ids"]), columns["is_truncated"])
        ]
        everything = gather_object(own)
        answer = [None]
        if PartialState().is_main_process:
            try:
                answer = [{"rewards": self._score(everything, self._step(columns))}]
            except RewardServerError as error:
                answer = [{"error": str(error)}]
        broadcast_object_list(answer, from_process=0)
        if "error" in answer[0]:
            raise RewardServerError(answer[0]["error"])
        first = PartialState().process_index * len(own)
        return {name: values[first : first + len(own)] for name, values in answer[0]["rewards"].items()}

    def _score(self, everything, step):
        if self.server is None:
            self.server = RewardServer({reward["name"]: reward["weight"] for reward in CONFIG["rewards"]})
        columns = {name: [one[name] for one in everything] for name in everything[0]}
        scores = self.server.score(columns["id"], columns["completion"], tokens=columns["tokens"], cut=columns["cut"], step=step)
        if None in scores.sums:
            row = columns["id"][scores.sums.index(None)]
            raise RewardServerError(
                f"no reward applies to a completion of row '{row}'. ms-swift cannot leave a completion out of its group, and 0 would be "
                "wrong: give the row a reward that applies to every completion, or train with TRL"
            )
        return scores.rewards

    def _step(self, columns):
        if "held-out" in columns["split"]:
            return EVALUATION_STEP
        return columns["trainer_state"].global_step // CONFIG["updates_per_step"] + 1

    def _ended(self, tokens):
        """ms-swift also calls a completion cut that ends with exactly the last token it may have."""
        if self.ends is None:
            from transformers import AutoTokenizer

            tokenizer = AutoTokenizer.from_pretrained(os.environ["REASON_RFT_START"])
            self.ends = (tokenizer.eos_token_id, tokenizer.pad_token_id)
        return len(tokens) > 0 and tokens[-1] in self.ends


def flat(tokens):
    """The tokens of a completion; ms-swift has them in a list for each turn, or in one."""
    return [token for turn in tokens for token in turn] if tokens and isinstance(tokens[0], list) else tokens


REWARDS = Rewards()


def function_of(place, name):
    def score(self, completions, **columns):
        return REWARDS.of(place, name, completions, columns)

    # ms-swift logs a reward under the name of its class.
    return type(name, (ORM,), {"__call__": score})


for place, reward in enumerate(CONFIG["rewards"]):
    orms[f"kit_{reward['name']}"] = function_of(place, reward["name"])
