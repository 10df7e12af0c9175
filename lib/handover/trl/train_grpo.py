"""Stage 2: GRPO with TRL's GRPOTrainer, as config/grpo.json says. The rewards are those of the kit's server (sh rewards/serve.sh)."""
import argparse
import os
from pathlib import Path

import common
from accelerate.utils import broadcast_object_list, gather_object
from datasets import load_dataset
from reward_client import RewardServer, RewardServerError
from trl import GRPOConfig, GRPOTrainer

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--start", help="the checkpoint to begin with (default: what stage 1 made, or the model that was handed over)")
parser.add_argument("--out", type=Path, default=common.HERE / "out" / "grpo", help="the folder of the run")
parser.add_argument("--vllm", choices=["off", "colocate", "server"], default="off", help="who draws the completions")
parser.add_argument("--vllm-url", default="http://127.0.0.1:8000", help="the vLLM server of --vllm server")
parser.add_argument("--stop-after", type=int, help="end after so many rollouts")
parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run")

EVALUATION_STEP = 2**53 - 1
"""The step that rewards read in an evaluation: later than any that they wait for."""


class Rewards:
    """The reward functions that TRL calls, one for each reward. One request of the main process answers all of a step.

    So a reward sees whole groups and whole steps, however the completions are shared among devices.
    """

    def __init__(self, server, updates):
        self.server = server
        self.updates = updates
        self.trainer = None
        self.prompts = {}
        self.asked = None
        self.scores = None
        self.functions = [self._function(i, name) for i, name in enumerate(server.weights)]

    def _function(self, place, name):
        def reward(prompts, completion_ids, id, log_extra, log_metric, **_):
            # TRL calls the functions one after the other, on every device in the same order.
            question = (id, completion_ids)
            if place == 0:
                self._ask(prompts, completion_ids, id, log_extra, log_metric)
                self.asked = question
            elif self.asked != question:
                raise RewardServerError("TRL asks the rewards about different completions; they are those of one step")
            return self.scores[name]

        reward.__name__ = name
        return reward

    def _ask(self, prompts, completion_ids, ids, log_extra, log_metric):
        trainer = self.trainer
        own = [
            {"id": row, "completion": self._text(tokens, prompt), "prompt": self._prompt(row, prompt), "tokens": len(tokens), "cut": not self._ended(tokens)}
            for row, prompt, tokens in zip(ids, prompts, completion_ids)
        ]
        everything = gather_object(own)
        answer = [None]
        if trainer.accelerator.is_main_process:
            step = trainer.state.global_step // self.updates + 1 if trainer.model.training else EVALUATION_STEP
            columns = {name: [one[name] for one in everything] for name in own[0]}
            try:
                scores = self.server.score(
                    columns["id"], columns["completion"], prompts=columns["prompt"], tokens=columns["tokens"], cut=columns["cut"], step=step
                )
                answer = [{"rewards": scores.rewards, "metrics": scores.metrics}]
            except RewardServerError as error:
                answer = [{"error": str(error)}]
        broadcast_object_list(answer, from_process=0)
        if "error" in answer[0]:
            raise RewardServerError(answer[0]["error"])
        first = trainer.accelerator.process_index * len(own)
        self.scores = {name: values[first : first + len(own)] for name, values in answer[0]["rewards"].items()}
        log_extra("id", list(ids))
        log_extra("text", [one["completion"] for one in own])
        if trainer.accelerator.is_main_process:
            for name, value in answer[0]["metrics"].items():
                if not name.endswith(("/mean", "/std")):  # TRL logs these itself.
                    log_metric(name, value)

    def _ended(self, tokens):
        tokenizer = self.trainer.processing_class.tokenizer
        return len(tokens) > 0 and tokens[-1] in [*self.trainer.eos_token_ids, tokenizer.pad_token_id]

    def _text(self, tokens, prompt):
        """What the model wrote, without the token that ends it: the text that the rewards of the kit read."""
        tokenizer = self.trainer.processing_class.tokenizer
        written = tokens[:-1] if self._ended(tokens) else tokens
        return self._opening(prompt) + tokenizer.decode(written, skip_special_tokens=False, clean_up_tokenization_spaces=False)

    def _rendered(self, prompt):
        return self.trainer.processing_class.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)

    def _opening(self, prompt):
        """What the chat template itself writes at the beginning of the answer, such as <think>; the same in every prompt."""
        if not hasattr(self, "opening"):
            self.opening = self._rendered(prompt).rsplit("<|im_start|>assistant\n", 1)[-1]
        return self.opening

    def _prompt(self, row, prompt):
        """The chat as the model read it, without special tokens."""
        if row not in self.prompts:
            tokenizer = self.trainer.processing_class.tokenizer
            tokens = tokenizer(self._rendered(prompt), add_special_tokens=False)["input_ids"]
            self.prompts[row] = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return self.prompts[row]


class Trainer(GRPOTrainer):
    """Writes the completions of each rollout to one file.

    TRL writes them at every log. After an evaluation its list holds the evaluation's completions, which would take the place of a step's.
    """

    def log(self, logs, start_time=None):
        kept = self.log_completions
        self.log_completions = kept and self.model.training and "reward" in self._metrics["train"]
        super().log(logs, start_time)
        self.log_completions = kept


def start_of(config, asked):
    if asked is None and config["stage_one"]:
        asked = common.HERE / "out" / "sft" / "final"
        if not asked.exists():
            raise SystemExit(f"{asked} is not there: train stage 1 first (train_sft.py), or name another checkpoint with --start")
    return common.start_of(config, None if asked is None else str(asked))


def vllm_options(arguments):
    if arguments.vllm == "off":
        return {"use_vllm": False}
    return {"use_vllm": True, "vllm_mode": arguments.vllm, **({"vllm_server_base_url": arguments.vllm_url} if arguments.vllm == "server" else {})}


def resize(processor):
    """Brings pictures to the size that the processor would, so that vLLM, which has the checkpoint's own bounds, sees the same ones."""
    from PIL import Image
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    images = processor.image_processor

    def resized(image):
        factor = images.patch_size * images.merge_size
        height, width = smart_resize(image.height, image.width, factor, images.size["shortest_edge"], images.size["longest_edge"])
        return image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)

    def transform(batch):
        return {**batch, "images": [[resized(image) for image in row] for row in batch["images"]]}

    return transform


def main():
    arguments = parser.parse_args()
    config = common.read_config("grpo")
    server = RewardServer({reward["name"]: reward["weight"] for reward in config["rewards"]})
    if os.environ.get("RANK", "0") == "0":
        # Before the model is loaded: a server that is not there is better known now. The main process alone asks it.
        server.check()
    start, revision = start_of(config, arguments.start)
    at_once, accumulated = common.share(config["completions_per_update"], config["completions_at_once"], "completions")
    options = GRPOConfig(
        **common.trainer_options(config, arguments.out, revision),
        **vllm_options(arguments),
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=accumulated,
    )
    processor = common.load_processor(start, revision, config["pixels"])
    files = {"train": str(common.HERE / "data" / "train.parquet")}
    if config["held_out"]:
        files["held_out"] = str(common.HERE / "data" / "held-out.parquet")
    rows = load_dataset("parquet", data_files=files).select_columns(["id", "prompt", "images"])
    if arguments.vllm != "off" and config["pixels"]:
        rows = rows.with_transform(resize(processor))
    rewards = Rewards(server, config["updates_per_step"])
    trainer = Trainer(
        model=start,
        reward_funcs=rewards.functions,
        args=options,
        train_dataset=rows["train"],
        eval_dataset=rows["held_out"] if config["held_out"] else None,
        processing_class=processor,
        peft_config=common.lora_config(config),
        callbacks=[common.StopAfter(arguments.stop_after * config["updates_per_step"])] if arguments.stop_after else None,
    )
    rewards.trainer = trainer
    if config["freeze_vision"]:
        common.freeze_vision(trainer.model)
    if config["hold_rate"]:
        common.hold_rate(trainer, config["updates_per_step"])
    trainer.train(resume_from_checkpoint=arguments.resume)
    common.finish(trainer, arguments.out, config)


if __name__ == "__main__":
    main()
