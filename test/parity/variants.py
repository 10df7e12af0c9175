"""Writes checkpoints of each family in the forms that people hold, and says what transformers computes from them: for
test/parity/variants.test.ts.

Argument: a folder to write into. Writes one JSON answer: {FOLDER: {"family": FAMILY, "logits": [LAST TOKENS x VOCABULARY]}}, the logits
in float32 of the weights as they are stored. The models are those of make_fixtures.py, whose numbers the rounding changes.
"""
import json
import os
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # What libraries print must not stand in the answer.

import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import AutoModelForImageTextToText  # noqa: E402

from make_fixtures import FIXTURES, KEPT_LOGITS, TEMPLATES, encode, make_processor, make_tokenizer, published  # noqa: E402

# Tied head, type, files, layout: that of transformers 5, or of the release in which the family was published (4.49, 4.57).
VARIANTS = [
    (True, torch.float32, 1, "new"),
    (False, torch.float16, 3, "new"),
    (True, torch.bfloat16, 2, "published"),
    (False, torch.bfloat16, 1, "published"),
    (False, torch.float32, 2, "published"),
    (True, torch.float16, 1, "new"),
]


def published_names(family, tensors):
    if family == "qwen3-vl":
        return tensors
    short = lambda name: name.replace("model.language_model.", "model.").replace("model.visual.", "visual.")
    return {short(name): tensor for name, tensor in tensors.items()}


def write_weights(folder, tensors, count):
    """One file, or several with an index, as transformers writes them."""
    for name in os.listdir(folder):
        if name.startswith("model") and ("safetensors" in name):
            os.remove(os.path.join(folder, name))
    if count == 1:
        save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
        return
    files = [f"model-{i + 1:05}-of-{count:05}.safetensors" for i in range(count)]
    names = sorted(tensors)
    weight_map = {name: files[i * count // len(names)] for i, name in enumerate(names)}
    for file in files:
        save_file({name: tensors[name] for name in names if weight_map[name] == file}, os.path.join(folder, file), metadata={"format": "pt"})
    with open(os.path.join(folder, "model.safetensors.index.json"), "w") as index:
        json.dump({"metadata": {}, "weight_map": weight_map}, index)


def main(out):
    answer = {}
    for family in TEMPLATES:
        source = os.path.join(FIXTURES, family)
        batch = encode(make_processor(family, make_tokenizer()), ["two"])
        for i, (tied, dtype, count, layout) in enumerate(VARIANTS):
            folder = os.path.join(out, f"{family}-{i}")
            shutil.copytree(source, folder, ignore=shutil.ignore_patterns("adapter", "expected*", "grpo*", "config.published.json"))
            model = AutoModelForImageTextToText.from_pretrained(source, attn_implementation="eager")
            model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = tied
            if tied:
                model.lm_head.weight = model.model.language_model.embed_tokens.weight
            else:
                torch.manual_seed(i)
                model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape) * 0.3)
            model.to(dtype).save_pretrained(folder)
            tensors = load_file(os.path.join(folder, "model.safetensors"))
            if layout == "published":
                tensors = published_names(family, tensors)
                with open(os.path.join(folder, "config.json")) as file:
                    config = published(family, json.load(file))
                with open(os.path.join(folder, "config.json"), "w") as file:
                    json.dump(config, file)
            write_weights(folder, tensors, count)
            read = AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()
            with torch.no_grad():
                logits = read(**batch).logits[0, -KEPT_LOGITS:]
            answer[folder] = {"family": family, "logits": logits.flatten().tolist()}
    json.dump(answer, answers)


main(sys.argv[1])
