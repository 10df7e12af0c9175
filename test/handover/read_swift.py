"""Reads a hand-over with ms-swift's own loaders, on the CPU: arguments, data sets, template and rewards. Prints what they made of it as JSON."""
import json
import os
import subprocess
import sys
from types import SimpleNamespace

FOLDER = sys.argv[1]
TEXTS = ["<answer>3</answer>", "I do not know", "so I count on", "<answer>4</answer>"]
CUT = 2
os.environ["REASON_RFT_START"] = f"{FOLDER}/model"

from swift.arguments import RLHFArguments, SftArguments  # noqa: E402
from swift.dataset import load_dataset  # noqa: E402
from swift.rewards import orms  # noqa: E402
from swift.utils import parse_args  # noqa: E402


def arguments(phase, kind):
    command = [sys.executable, f"{FOLDER}/train.py", phase, "--start", f"{FOLDER}/model", "--gpus", "0", "--print"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    parsed, unknown = parse_args(kind, printed.splitlines())
    assert unknown == [], unknown
    return parsed


def rows_of(args, files):
    return load_dataset(files, split_dataset_ratio=0.0, strict=args.strict, num_proc=1, load_from_cache_file=False, remove_unused_columns=False)[0]


def encoded(args, row):
    template = args.get_template(args.get_model_processor(load_model=False)[1])
    template.set_mode("train")
    inputs = template.encode(dict(row))
    labels = [token for token in inputs["labels"] if token != -100]
    # The marks of the picture's patches are many; one says enough.
    prompt = template.tokenizer.decode(inputs["input_ids"])
    while "<|image_pad|><|image_pad|>" in prompt:
        prompt = prompt.replace("<|image_pad|><|image_pad|>", "<|image_pad|>")
    pictures = inputs["input_ids"].count(template.tokenizer.convert_tokens_to_ids("<|image_pad|>"))
    answer = {"text": prompt, "trained": template.tokenizer.decode(labels), "grid": inputs["image_grid_thw"].tolist(), "pictureTokens": pictures}
    return answer, template.tokenizer


def rewards(args, tokenizer, ids, texts, split="train"):
    functions = [orms[name](args=args) for name in args.reward_funcs]
    tokens = [tokenizer(text)["input_ids"] + ([] if i == CUT else [tokenizer.eos_token_id]) for i, text in enumerate(texts)]
    columns = {
        **{"id": ids, "split": [split] * len(ids), "response_token_ids": tokens, "is_truncated": [i in (CUT, 3) for i in range(len(ids))]},
        "trainer_state": SimpleNamespace(global_step=6),
    }
    values = {type(function).__name__: function(texts, **columns) for function in functions}
    return {"tokens": [len(one) for one in tokens], "values": values}


def main():
    args = arguments("grpo", RLHFArguments)
    rows = rows_of(args, args.dataset)
    sft = arguments("sft", SftArguments)
    example, tokenizer = encoded(sft, rows_of(sft, sft.dataset)[0])
    question = rows[0]
    try:
        rewards(args, tokenizer, [question["id"]] * 4, [*TEXTS[:3], "skip"])
        failed = None
    except Exception as error:
        failed = f"{type(error).__name__}: {error}"
    answer = {
        "rows": [len(rows), len(rows_of(args, args.val_dataset))],
        "first": {name: question[name] for name in ("id", "split", "messages", "solution")},
        "sft": example,
        "options": {
            **{name: getattr(args, name) for name in ("num_generations", "beta", "loss_type", "scale_rewards", "reward_weights", "max_steps")},
            "sft": [sft.max_steps, sft.freeze_vit, sft.weight_decay],
            "trainer": type(args.training_args).__name__,
        },
        "rewards": rewards(args, tokenizer, [question["id"]] * 4, TEXTS),
        "evaluated": rewards(args, tokenizer, [rows_of(args, args.val_dataset)[0]["id"]] * 4, TEXTS, split="held-out"),
        "failed": failed,
    }
    # ms-swift writes its log on both streams; the last line is ours.
    print(json.dumps(answer))


main()
