"""Reads a hand-over with verl's own loaders, on the CPU: options, data set, rewards and sampler. Prints what they made of it as JSON."""
import asyncio
import json
import os
import subprocess
import sys

import numpy as np
import torch
import verl
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from tensordict import TensorDict
from verl.protocol import DataProto
from verl.trainer.ppo.reward import load_reward_manager
from verl.trainer.ppo.utils import need_critic, need_reference_policy
from verl.utils import hf_processor, hf_tokenizer
from verl.utils.config import omega_conf_to_dataclass, validate_config
from verl.utils.dataset.rl_dataset import get_dataset_class
from verl.utils.import_utils import load_extern_object

FOLDER = sys.argv[1]
TEXTS = ["<answer>3</answer>", "I do not know", "so I count on", "<answer>4</answer>"]
CUT = 2


def options():
    command = [sys.executable, f"{FOLDER}/train.py", "--start", f"{FOLDER}/model", "--gpus", "2", "--print"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with initialize_config_dir(os.path.join(os.path.dirname(verl.__file__), "trainer", "config"), version_base=None):
        config = compose("ppo_trainer", overrides=printed.splitlines())
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))
    omega_conf_to_dataclass(config.algorithm)
    OmegaConf.resolve(config)
    return config


def completion(tokenizer, row, text, ended, uid):
    """A completion as verl's agent loop hands it to a reward manager."""
    prompt = tokenizer("<|im_start|>user\nHow many?<|im_end|>\n<|im_start|>assistant\n")["input_ids"]
    response = tokenizer(text)["input_ids"] + ([tokenizer.eos_token_id] if ended else [])
    tokens = torch.tensor([prompt + response])
    batch = TensorDict(
        {"prompts": tokens[:, : len(prompt)], "responses": tokens[:, len(prompt) :], "input_ids": tokens, "attention_mask": torch.ones_like(tokens)},
        batch_size=1,
    )
    about = {"extra_info": row["extra_info"], "uid": uid, "global_steps": 7, "data_source": row["data_source"], "reward_model": row["reward_model"]}
    return DataProto(batch=batch, non_tensor_batch={name: np.array([value], dtype=object) for name, value in about.items()}), len(response)


async def rewards(config, tokenizer, trained, held_out):
    manager = load_reward_manager(config, tokenizer)
    items = [completion(tokenizer, trained, text, i != CUT, "a") for i, text in enumerate(TEXTS)]
    known = await asyncio.gather(*(manager.run_single(item) for item, _ in items))
    evaluated = [completion(tokenizer, held_out, text, True, "b")[0] for text in TEXTS[:2]]
    skipped = [completion(tokenizer, trained, text, True, "c")[0] for text in [*TEXTS[:3], "skip"]]
    failed = await asyncio.gather(*(manager.run_single(item) for item in skipped), return_exceptions=True)
    return {
        "tokens": [length for _, length in items],
        "scores": [one["reward_score"] for one in known],
        "seconds": [str(one["reward_extra_info"]["rewards/second"]) for one in known],
        "evaluated": [one["reward_score"] for one in await asyncio.gather(*(manager.run_single(item) for item in evaluated))],
        "failed": [f"{type(error).__name__}: {error}" for error in failed],
    }


def sampler_error(config):
    sampler = config.trainer.v1.sampler
    kind = load_extern_object(sampler.custom_sampler.path, sampler.custom_sampler.name)
    # What verl's trainer gives a sampler from outside.
    buffer = kind(
        trainer_mode="sync",
        trainer_config=config.trainer.v1.sync,
        max_off_policy_threshold=sampler.max_off_policy_threshold,
        max_off_policy_strategy=sampler.max_off_policy_strategy,
        sampler_kwargs=sampler.sampler_kwargs,
        refill_fn=lambda count: count,
    )
    buffer._terminal_eviction_reasons(1, "train")
    buffer.failure_keys["train"].add("uid")
    try:
        buffer._terminal_eviction_reasons(1, "train")
    except RuntimeError as error:
        return str(error)


def main():
    config = options()
    tokenizer, processor = hf_tokenizer(f"{FOLDER}/model"), hf_processor(f"{FOLDER}/model")
    rows = {
        split: get_dataset_class(config.data)(data_files=[file], tokenizer=tokenizer, processor=processor, config=config.data)
        for split, file in (("train", config.data.train_files), ("held-out", config.data.val_files))
    }
    first = rows["train"][0]
    pictures = asyncio.run(type(rows["train"]).process_multi_modal_info(first["raw_prompt"], 14, config.data))[0]
    trained, held_out = ({name: row[name] for name in ("extra_info", "data_source", "reward_model")} for row in (first, rows["held-out"][0]))
    actor, rollout = config.actor_rollout_ref.actor, config.actor_rollout_ref.rollout
    print(
        json.dumps(
            {
                "rows": {split: len(data) for split, data in rows.items()},
                "first": trained,
                "prompt": processor.apply_chat_template(first["raw_prompt"], tokenize=False, add_generation_prompt=True),
                "sizes": [picture.size for picture in pictures],
                "options": {
                    "n": rollout.n,
                    "train_batch_size": config.data.train_batch_size,
                    "micro": actor.ppo_micro_batch_size_per_gpu,
                    "agg": actor.loss_agg_mode,
                    "mode": actor.policy_loss.loss_mode,
                    "kl": [actor.use_kl_loss, actor.kl_loss_coef, actor.kl_loss_type],
                    "steps": config.trainer.total_training_steps,
                    "pixels": dict(config.data.mm_processor_kwargs),
                    "critic": need_critic(config),
                    "reference": need_reference_policy(config),
                },
                "rewards": asyncio.run(rewards(config, tokenizer, trained, held_out)),
                "sampler": sampler_error(config),
            }
        )
    )


main()
