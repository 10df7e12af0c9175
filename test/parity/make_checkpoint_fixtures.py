"""Makes test/parity/fixtures/checkpoints: random tiny checkpoints as transformers writes them, and the logits that it computes from what
it reads back. Run by hand when a layout changes, once with each release whose layout differs:

    python test/parity/make_checkpoint_fixtures.py          # transformers 5.23.0: all families
    python test/parity/make_checkpoint_fixtures.py          # transformers 4.49.0: Qwen2-VL and Qwen2.5-VL
    python test/parity/make_checkpoint_fixtures.py          # transformers 4.57.1: Qwen3-VL

A release writes its part of the fixtures: of each family six checkpoints, between which every pair of layout, type, head (tied or
not) and files (one or several shards) occurs. With a folder as argument it writes all that it can into that.
"""

import itertools
import json
import os
import shutil
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import torch  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "checkpoints")
RELEASE = ".".join(transformers.__version__.split(".")[:2])
NESTED = RELEASE != "4.49"
# The first release's layout of each family, and the newest.
LAYOUTS = {"qwen2-vl": ["4.49", "5.23"], "qwen2.5-vl": ["4.49", "5.23"], "qwen3-vl": ["4.57", "5.23"]}
# Layout (first or newest), tied or not, number of files, type.
CHOSEN = [
    (1, "tied", "one", "float32"),
    (0, "untied", "shards", "float32"),
    (0, "tied", "shards", "float16"),
    (1, "untied", "one", "float16"),
    (0, "tied", "one", "bfloat16"),
    (1, "untied", "shards", "bfloat16"),
]
EVERY = list(itertools.product([0, 1], ["tied", "untied"], ["one", "shards"], ["float32", "float16", "bfloat16"]))
# The ids of the tokenizers in fixtures/FAMILY.
VOCAB = 336
IDS = dict(image_token_id=326, video_token_id=327, vision_start_token_id=323, vision_end_token_id=324)
END, PAD = 320, 321
# An image of 4 x 4 patches of 2 x 2 pixels: 4 visual tokens.
TOKENS = [322, 40, 323, 326, 326, 326, 326, 324, 60, 80, 320, 70]
GRID = [[1, 4, 4]]
# 16 patches of 3 colours, 2 frames and 2 x 2 pixels.
PIXELS = torch.sin(torch.arange(16 * 24, dtype=torch.float64)).float().reshape(16, 24)
# Logits are kept after so many last tokens.
KEPT = 1
PENALTY, GREEDY = 1.3, 12


def make_model(family, tied):
    text = dict(
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        vocab_size=VOCAB,
        rms_norm_eps=1e-6,
        rope_theta=1000000.0,
        rope_scaling={"type": "mrope", "rope_type": "default", "mrope_section": [1, 1, 2]},
        max_position_embeddings=512,
        bos_token_id=PAD,
        eos_token_id=END,
    )
    vision = dict(depth=2, num_heads=1, patch_size=2)
    ties = dict(tie_word_embeddings=tied)
    if family == "qwen2-vl":
        config, kind = transformers.Qwen2VLConfig, transformers.Qwen2VLForConditionalGeneration
        vision.update(embed_dim=8, mlp_ratio=2, hidden_size=8)
    elif family == "qwen2.5-vl":
        config, kind = transformers.Qwen2_5_VLConfig, transformers.Qwen2_5_VLForConditionalGeneration
        vision.update(hidden_size=8, intermediate_size=12, out_hidden_size=8, window_size=4, fullatt_block_indexes=[1])
    else:
        config, kind = transformers.Qwen3VLConfig, transformers.Qwen3VLForConditionalGeneration
        text.update(head_dim=8, rope_scaling={"rope_type": "default", "mrope_section": [2, 1, 1], "mrope_interleaved": True})
        vision.update(hidden_size=8, intermediate_size=12, out_hidden_size=8, num_position_embeddings=16, deepstack_visual_indexes=[0])
    if NESTED:
        made = config(text_config={**text, **ties}, vision_config=vision, **IDS, **ties)
    else:
        made = config(**text, **ties, vision_config=vision, **IDS)
    made._attn_implementation = "eager"
    model = kind(made).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.6)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.2)
            else:
                parameter.uniform_(0.5, 1.5)
    return kind, model


def compute(kind, folder, greedy):
    """Logits of what is read back, in float32, and greedy tokens under the checkpoint's own penalty."""
    model = kind.from_pretrained(folder, torch_dtype=torch.float32, attn_implementation="eager").eval()
    ids = torch.tensor([TOKENS])
    inputs = dict(input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=PIXELS, image_grid_thw=torch.tensor(GRID))
    if RELEASE == "5.23":
        inputs["mm_token_type_ids"] = (ids == IDS["image_token_id"]).int()
    with torch.no_grad():
        logits = model(**inputs).logits[0, -KEPT:].contiguous()
        if not greedy:
            return logits, None
        drawn = model.generate(**inputs, do_sample=False, max_new_tokens=GREEDY, output_scores=True, return_dict_in_generate=True)
    margins = [(top[0] - top[1]).item() for top in (scores[0].topk(2).values for scores in drawn.scores)]
    assert min(margins) > 1e-3, "a near tie: take another seed"
    return logits, drawn.sequences[0, len(TOKENS) :].tolist()


def write(root, family, layout, tied, files, dtype):
    folder = os.path.join(root, f"{family}-{layout}-{tied}-{files}-{dtype}")
    shutil.rmtree(folder, ignore_errors=True)
    torch.manual_seed(7)
    kind, model = make_model(family, tied == "tied")
    model = model.to(getattr(torch, dtype))
    penalized = RELEASE == "5.23" and dtype == "float32"
    model.generation_config = transformers.GenerationConfig(
        eos_token_id=[END], pad_token_id=PAD, **({"repetition_penalty": PENALTY} if penalized else {})
    )
    model.save_pretrained(folder, max_shard_size="8KB" if files == "shards" else "5GB")
    transformers.Qwen2VLImageProcessor(patch_size=2, min_pixels=16, max_pixels=4096).save_pretrained(folder)
    weights = [name for name in os.listdir(folder) if name.endswith(".safetensors")]
    assert (len(weights) > 1) == (files == "shards"), weights
    logits, greedy = compute(kind, folder, penalized)
    save_file({"logits": logits}, os.path.join(folder, "expected.safetensors"))
    with open(os.path.join(folder, "expected.json"), "w") as file:
        json.dump({"transformers": transformers.__version__, "tokens": TOKENS, "greedy": greedy}, file)
    print(folder, len(weights), "files", f"{logits.abs().max().item():.2f}", greedy)


every = len(sys.argv) > 1
for family, layouts in LAYOUTS.items():
    for place, *rest in EVERY if every else CHOSEN:
        if layouts[place] == RELEASE:
            write(sys.argv[1] if every else FIXTURES, family, RELEASE, *rest)
