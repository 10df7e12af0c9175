"""Makes logs as verl and ms-swift write them, by these programs' own logger code, without the trainers, which need GPUs.

    pip download --no-deps verl==0.9.1 ms-swift==4.6.0      # then unpack both wheels into one folder, WHEELS
    python test/takeback/make_logger_fixtures.py WHEELS test/takeback/fixtures

The functions are taken out of their files and run as they are; they need orjson and NumPy. Names of metrics are those that the trainers
hand over (verl/trainer/ppo/ray_trainer.py, metric_utils.py; swift/rlhf_trainers/grpo_trainer.py); the numbers are made up.
"""
import ast
import json
import numbers
import os
import pprint
import sys
import types

import numpy as np
import orjson

wheels, fixtures = [os.path.abspath(place) for place in sys.argv[1:3]]


def taken(file, *names, **scope):
    """The functions and classes of these names of a file, run in a scope of their own."""
    tree = ast.parse(open(os.path.join(wheels, file), encoding="utf-8").read())
    found = []
    for node in ast.walk(tree):
        if getattr(node, "name", None) in names and isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            node.decorator_list = []
            found.append(node)
    space = dict(scope)
    exec(compile(ast.Module(found, []), file, "exec"), space)
    return [space[name] for name in names]


def at(*parts):
    file = os.path.join(fixtures, *parts)
    os.makedirs(os.path.dirname(file), exist_ok=True)
    if os.path.exists(file):
        os.remove(file)
    return file


def verl_metrics(step):
    # reduce_metrics gives numbers of NumPy.
    return {
        "actor/entropy": np.float64(1.25 - 0.25 * step),
        "actor/pg_loss": np.float64(-0.01 * step),
        "actor/kl_loss": np.float64(0.001 * step),
        "actor/kl_coef": 0.001,
        "actor/pg_clipfrac": np.float64(0.0),
        "actor/ppo_kl": np.float64("nan") if step == 1 else np.float64(0.0002),
        "actor/pg_clipfrac_lower": np.float64(0.0),
        "actor/loss": np.float64(-0.009 * step),
        "actor/grad_norm": 0.5 * step,
        "actor/lr": 1e-06,
        "training/global_step": step,
        "training/epoch": 0,
        "critic/score/mean": 0.25 * step,
        "critic/score/max": 1.0,
        "critic/score/min": 0.0,
        "critic/rewards/mean": 0.25 * step,
        "response_length/mean": 12.5,
        "response_length/max": 20.0,
        "response_length/min": 4.0,
        "response_length/clip_ratio": 0.125,
        "timing_s/gen": 1.5,
        "timing_s/step": 4.0,
        "perf/total_num_tokens": 640,
        "perf/time_per_step": 4.0,
        "perf/throughput": 160.0,
    }


def verl():
    scope = dict(os=os, orjson=orjson, json=json)
    [FileLogger] = taken("verl/utils/tracking.py", "FileLogger", **scope)
    [concat_dict_to_str] = taken("verl/utils/logger/aggregate_logger.py", "concat_dict_to_str", numbers=numbers, pprint=pprint)
    [write_generations] = taken("verl/trainer/ppo/ray_trainer.py", "_write_generations", **scope)
    os.environ["VERL_FILE_LOGGER_PATH"] = at("verl", "logs", "counting.jsonl")
    logger = FileLogger("nano", "counting")
    console = open(at("verl", "console", "train.log"), "w")
    console.write("ray init kwargs: {'num_cpus': None}\n")
    prefix = "\x1b[36m(TaskRunner pid=4711)\x1b[0m "
    # val_before_train logs a step 0.
    first = {"val-core/counting/acc/mean@1": 0.125}
    logger.log(data=first, step=0)
    console.write(prefix + concat_dict_to_str(first, step=0) + "\n")
    for step in (1, 2):
        metrics = verl_metrics(step)
        logger.log(data=metrics, step=step)
        console.write(prefix + concat_dict_to_str(metrics, step=step) + "\n")
        console.write(prefix + "Training Progress:  50%|#####     | 1/2 - [00:04<00:04]\n")
        outputs = ["<answer>2</answer>", "two: <b>2</b>", "<answer>3</answer>", "I do not know"]
        write_generations(
            ["user\nHow many?\nassistant\n"] * 2 + ["user\nHow many cubes?\nassistant\n"] * 2,
            outputs,
            ["2", "2", "3", "3"],
            [1.5, 0.0, 1.5, 0.5] if step == 2 else [1.5, 0.0, 0.0, 0.5],
            {
                "accuracy_reward": [1.0, 0.0, 1.0, 0.0] if step == 2 else [1.0, 0.0, 0.0, 0.0],
                "format_reward": [1.0, 0.0, 1.0, None],
                "acc_note": ["a", "b", "c", "d"],
            },
            at("verl", "rollouts", f"{step}.jsonl").rsplit("/", 1)[0],
            step,
        )
    logger.finish()
    with open(at("verl", ".hydra", "config.yaml"), "w") as file:
        file.write("actor_rollout_ref:\n  model:\n    path: Qwen/Qwen2.5-VL-7B-Instruct\n  rollout:\n    n: 2\ntrainer:\n  hf_token: s3cret\n")


def swift():
    # These two types are all of torch that it asks for.
    torch = types.SimpleNamespace(dtype=type("dtype", (), {}), device=type("device", (), {}))
    [format_time, check_json_format] = taken("swift/utils/utils.py", "format_time", "check_json_format", **vars(__import__("typing")), torch=torch)
    [Writer] = taken(
        "swift/utils/io_utils.py", "JsonlWriter", os=os, json=json, check_json_format=check_json_format, is_master=lambda: True,
        is_last_rank=lambda: True, Queue=__import__("queue").Queue, Thread=None, **vars(__import__("typing")),
    )
    clock = types.SimpleNamespace(time=lambda: clock.now, now=0.0)
    [add_train_message] = taken("swift/trainers/patcher.py", "add_train_message", time=clock, format_time=format_time, get_max_reserved_memory=lambda: 11.25)
    log = Writer(at("ms-swift", "v0-20260901-101112", "logging.jsonl"))
    table = Writer(at("ms-swift", "v0-20260901-101112", "completions.jsonl"))
    state = types.SimpleNamespace(global_step=0, max_steps=6)
    for step in (2, 4, 6):
        state.global_step, clock.now = step, 30.0 * step
        logs = {
            "loss": 0.001234567891 * step,
            "grad_norm": 0.5,
            "learning_rate": 1e-06,
            "completions/mean_length": 40.0 + step,
            "completions/min_length": 10.0,
            "completions/max_length": 64.0,
            "completions/clipped_ratio": 0.25,
            "rewards/AccuracyReward/mean": 0.1 * step,
            "rewards/AccuracyReward/std": 0.3,
            "rewards/Format/mean": 0.5,
            "rewards/Format/std": 0.5,
            "reward": 0.1 * step + 0.25,
            "reward_std": 0.4,
            "frac_reward_zero_std": 0.0,
            "kl": 0.002 * step,
            "clip_ratio/low_mean": 0.0,
            "clip_ratio/high_mean": 0.0,
            "clip_ratio/region_mean": 0.0,
            "entropy/mean": 0.75,
            "epoch": 0.25 * step,
        }
        add_train_message(logs, state, 0.0, 0)
        log.append(logs)
        # The log writes the table of its step.
        table.append(
            {
                "step": [str(step)] * 4,
                "prompt": ["<|im_start|>user\nHow many?<|im_end|>"] * 2 + ["<|im_start|>user\nHow many cubes?<|im_end|>"] * 2,
                "completion": ["<answer>2</answer>", "<script>alert(1)</script>", "<answer>3</answer>", "4"],
                "AccuracyReward": [1.0, 0.0, 1.0, 0.0],
                "Format": [1.0, float("nan"), 1.0, 0.0],
                "advantages": [0.7, -0.7, 0.7, -0.7],
                "solution": ["2", "2", "3", "3"],
                "entropy": [0.5, 0.75, 0.5, 0.75],
            }
        )
    evaluation = {"eval_loss": 0.5, "eval_token_acc": 0.625, "eval_runtime": 2.5, "epoch": 1.5}
    add_train_message(evaluation, state, 0.0, 0)
    log.append(evaluation)
    last = {"train_runtime": 180.0, "train_samples_per_second": 1.0, "total_flos": 1e15, "train_loss": 0.004, "epoch": 1.5}
    add_train_message(last, state, 0.0, 0)
    log.append(last)
    log.append({"model_parameter_info": "Qwen2.5-VL", "last_model_checkpoint": None, "log_history": [{"loss": 1, "step": 2}], "memory": 11.25, "global_step": 6})
    with open(at("ms-swift", "v0-20260901-101112", "args.json"), "w") as file:
        json.dump({"model": "Qwen/Qwen2.5-VL-7B-Instruct", "rlhf_type": "grpo", "num_generations": 2, "reward_weights": [1.0, 0.5], "hub_token": "s3cret", "beta": 0.04}, file, indent=2)


verl()
swift()
