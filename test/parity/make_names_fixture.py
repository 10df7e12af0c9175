"""Makes test/parity/fixtures/qwen3-vl-names.json: the tensors of the published Qwen3-VL checkpoints (2B, 4B, 8B) by name, with their
shapes, from transformers' model of their `config.json`, which is built without memory for its weights. Needs torch and
transformers; run by hand when that changes:

    python test/parity/make_names_fixture.py

Names that differ in the numbers of their layers or blocks stand in one entry, `*` for each number, with how many there are.
"""
import collections
import json
import os
import re

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "qwen3-vl-names.json")

# The fields of the published files that decide on shapes, in the layout of transformers 4.57.
TOWER = dict(
    model_type="qwen3_vl", depth=24, hidden_size=1024, intermediate_size=4096, num_heads=16, in_channels=3, patch_size=16, temporal_patch_size=2,
    spatial_merge_size=2, num_position_embeddings=2304, deepstack_visual_indexes=[5, 11, 17], hidden_act="gelu_pytorch_tanh",
)
LARGE_TOWER = dict(TOWER, depth=27, hidden_size=1152, intermediate_size=4304, deepstack_visual_indexes=[8, 16, 24])


def config(hidden, inner, layers, heads, tied, tower):
    text = dict(
        model_type="qwen3_vl_text", hidden_size=hidden, intermediate_size=inner, num_hidden_layers=layers, num_attention_heads=heads,
        num_key_value_heads=8, head_dim=128, vocab_size=151936, rms_norm_eps=1e-6, rope_theta=5000000, attention_bias=False, hidden_act="silu",
        rope_scaling={"mrope_interleaved": True, "mrope_section": [24, 20, 20], "rope_type": "default"}, tie_word_embeddings=tied,
    )
    return dict(
        model_type="qwen3_vl", text_config=text, vision_config=dict(tower, out_hidden_size=hidden), tie_word_embeddings=tied,
        image_token_id=151655, video_token_id=151656, vision_start_token_id=151652, vision_end_token_id=151653,
    )


MODELS = {
    "2B": config(2048, 6144, 28, 16, True, TOWER),
    "4B": config(2560, 9728, 36, 32, True, TOWER),
    "8B": config(4096, 12288, 36, 32, False, LARGE_TOWER),
}

written = {}
for name, file in MODELS.items():
    with torch.device("meta"):
        model = Qwen3VLForConditionalGeneration(Qwen3VLConfig.from_dict(json.loads(json.dumps(file))))
    tensors = collections.OrderedDict()
    scalars = 0
    for tensor, value in model.named_parameters():  # A tied head is named once.
        entry = tensors.setdefault(re.sub(r"\.\d+\.", ".*.", tensor), [list(value.shape), 0])
        assert entry[0] == list(value.shape)
        entry[1] += 1
        scalars += value.numel()
    written[name] = {"config": file, "scalars": scalars, "tensors": tensors}
    print(name, scalars, sum(count for _, count in tensors.values()))
with open(OUT, "w") as file:
    json.dump(written, file, indent=1)
    file.write("\n")
