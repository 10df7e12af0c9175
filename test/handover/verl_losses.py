"""verl's own losses on fixed numbers, with the options that our settings become. Reads cases as JSON on stdin, writes loss and gradient of each."""
import json
import os
import sys

import torch
import verl
from hydra import compose, initialize_config_dir
from verl.trainer.ppo.core_algos import agg_loss, get_policy_loss_fn, kl_penalty
from verl.utils.config import omega_conf_to_dataclass

MICRO = "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu"


def table(numbers, lengths, fill=0.0):
    """The numbers of all tokens as [completions, longest]."""
    rows = torch.full((len(lengths), max(lengths)), fill, dtype=torch.float64)
    at = 0
    for i, length in enumerate(lengths):
        rows[i, :length] = torch.tensor(numbers[at : at + length], dtype=torch.float64)
        at += length
    return rows


def actor_of(options):
    overrides = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    with initialize_config_dir(os.path.join(os.path.dirname(verl.__file__), "trainer", "config"), version_base=None):
        config = compose("ppo_trainer", overrides=[*overrides, f"{MICRO}=1"])
    return omega_conf_to_dataclass(config.actor_rollout_ref.actor)


def answer(case):
    actor, lengths = actor_of(case["options"]), case["lengths"]
    mask = table([1.0] * sum(lengths), lengths).bool()
    now = table(case["now"], lengths).requires_grad_()
    old, reference, advantages = (table(case[name], lengths) for name in ("old", "reference", "advantages"))
    info = {"dp_size": 1, "batch_num_tokens": sum(lengths), "global_batch_size": len(lengths), "loss_scale_factor": actor.loss_scale_factor}
    # As verl's ppo_loss does it.
    actor.global_batch_info.update(info)
    loss, _ = get_policy_loss_fn(actor.policy_loss.loss_mode)(
        old_log_prob=old, log_prob=now, advantages=advantages, response_mask=mask, loss_agg_mode=actor.loss_agg_mode, config=actor
    )
    if actor.use_kl_loss:
        distance = kl_penalty(logprob=now, ref_logprob=reference, kl_penalty=actor.kl_loss_type)
        loss = loss + actor.kl_loss_coef * agg_loss(distance, mask, actor.loss_agg_mode, **info)
    loss.backward()
    return {"loss": loss.item(), "gradient": now.grad[mask].tolist()}


json.dump([answer(case) for case in json.load(sys.stdin)], sys.stdout)
