"""The rewards of verl: those of the kit's server (sh rewards/serve.sh), asked once for each group.

verl hands its reward managers one completion at a time. This one waits until all completions of a prompt have come, and asks for them
together, so that rewards which compare the completions of a group see all of them. So there is one worker (reward.num_workers=1).
"""
import asyncio
import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from reward_client import RewardServer, RewardServerError  # noqa: E402
from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase  # noqa: E402

EVALUATION_STEP = 2**53 - 1
"""The step that rewards read in an evaluation: later than any that they wait for."""
LONGEST_WAIT = 3600
"""Seconds. A completion whose siblings have failed to come waits no longer."""


class Group:
    """The completions of one prompt that have come so far, and the scores of all of them once they are known."""

    def __init__(self, loop):
        self.members = []
        self.scores = loop.create_future()


class KitRewardManager(RewardManagerBase):
    def __init__(self, config, tokenizer, compute_score=None, reward_router_address=None, reward_model_tokenizer=None):
        super().__init__(config, tokenizer, compute_score)
        with open(HERE / "config" / "grpo.json") as file:
            rewards = json.load(file)["rewards"]
        self.server = RewardServer({reward["name"]: reward["weight"] for reward in rewards})
        self.rollout = config.actor_rollout_ref.rollout
        self.log = Path(config.trainer.default_local_dir) / "rewards.jsonl"
        self.groups = {}

    async def run_single(self, data):
        item = data[-1:][0]
        about = item.non_tensor_batch
        row = about["extra_info"]
        held_out = row["split"] == "held-out"
        size = self.rollout.val_kwargs.n if held_out else self.rollout.n
        loop = asyncio.get_running_loop()
        uid = str(about["uid"])
        group = self.groups.setdefault(uid, Group(loop))
        read = await loop.run_in_executor(None, self._read, item.batch)
        # Nothing is waited for between the two: others of the group come at the same time.
        place = len(group.members)
        group.members.append(read)
        if len(group.members) == size:
            del self.groups[uid]
            step = EVALUATION_STEP if held_out else int(about["global_steps"])
            try:
                group.scores.set_result(await loop.run_in_executor(None, self._ask, row, step, group.members))
            except BaseException as error:
                group.scores.set_exception(error)
        try:
            scores = await asyncio.wait_for(asyncio.shield(group.scores), LONGEST_WAIT)
        except asyncio.TimeoutError:
            raise RewardServerError(
                f"{len(group.members)} of {size} completions of row '{row['id']}' have come within {LONGEST_WAIT} s; the log says what became of the others"
            ) from None
        # NaN stands where a reward does not apply: verl's metrics are numbers.
        rewards = {f"rewards/{name}": math.nan if values[place] is None else values[place] for name, values in scores.rewards.items()}
        return {"reward_score": scores.sums[place], "reward_extra_info": rewards}

    def _read(self, batch):
        prompt_length = batch["prompts"].shape[-1]
        mask = batch["attention_mask"].bool()
        prompt = batch["prompts"][mask[:prompt_length]].tolist()
        tokens = batch["responses"][mask[prompt_length:]].tolist()
        ended = len(tokens) > 0 and tokens[-1] in (self.tokenizer.eos_token_id, self.tokenizer.pad_token_id)
        decode = self.tokenizer.decode
        whole = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
        # What the chat template itself writes at the beginning of the answer, such as <think>, is part of it.
        opening = decode(prompt, **whole).rsplit("<|im_start|>assistant\n", 1)[-1]
        return {
            "completion": opening + decode(tokens[:-1] if ended else tokens, **whole),
            "prompt": decode(prompt, skip_special_tokens=True, clean_up_tokenization_spaces=False),
            "tokens": len(tokens),
            "cut": not ended,
        }

    def _ask(self, row, step, members):
        columns = {name: [member[name] for member in members] for name in members[0]}
        scores = self.server.score(
            [row["id"]] * len(members), columns["completion"], prompts=columns["prompt"], tokens=columns["tokens"], cut=columns["cut"], step=step
        )
        if None in scores.sums:
            raise RewardServerError(
                f"no reward applies to a completion of row '{row['id']}'. verl cannot leave a completion out of its group, and 0 would be "
                "wrong: give the row a reward that applies to every completion, or train with TRL"
            )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        line = {
            **{"step": None if step == EVALUATION_STEP else step, "id": row["id"], "split": row["split"]},
            **{"completions": columns["completion"], "tokens": columns["tokens"], "cut": columns["cut"]},
            **{"rewards": scores.rewards, "sums": scores.sums, "metrics": scores.metrics},
        }
        with open(self.log, "a") as file:
            file.write(json.dumps(line) + "\n")
        return scores
