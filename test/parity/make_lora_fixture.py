"""Makes test/parity/fixtures/lora: a random tiny Qwen2-VL of transformers, a random PEFT adapter on language and vision modules,
and the logits of both for one prompt with an image. Needs torch, transformers, peft; run by hand when the format changes:

    python test/parity/make_lora_fixture.py
"""
import json
import os

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures", "lora")

torch.manual_seed(1)
config = Qwen2VLConfig(
    text_config=dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        vocab_size=32,
        rope_theta=10000.0,
        rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]},
        tie_word_embeddings=True,
    ),
    vision_config=dict(
        depth=1, embed_dim=16, num_heads=2, mlp_ratio=2, hidden_size=16, patch_size=2, temporal_patch_size=2, spatial_merge_size=2
    ),
    image_token_id=3,
    vision_start_token_id=4,
    vision_end_token_id=5,
    tie_word_embeddings=True,
)
model = Qwen2VLForConditionalGeneration(config).eval()
with torch.no_grad():
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            parameter.normal_(0, 0.3)
        elif name.endswith("bias"):
            parameter.normal_(0, 0.1)

tokens = [20, 4, 3, 3, 3, 3, 5, 21, 22, 23]
pixels = torch.randn(16, 24)
batch = dict(
    input_ids=torch.tensor([tokens]),
    attention_mask=torch.ones(1, len(tokens), dtype=torch.long),
    mm_token_type_ids=torch.tensor([[1 if t == 3 else 0 for t in tokens]]),
    pixel_values=pixels,
    image_grid_thw=torch.tensor([[1, 4, 4]]),
)
with torch.no_grad():
    base_logits = model(**batch).logits[0]

os.makedirs(os.path.join(OUT, "adapter"), exist_ok=True)
# The layout of the published checkpoints, which save_pretrained writes.
model.save_pretrained(os.path.join(OUT, "base"))
adapted = get_peft_model(model, LoraConfig(r=3, lora_alpha=6, target_modules=["q_proj", "v_proj", "o_proj", "down_proj", "qkv", "fc2", "mlp.2"]))
with torch.no_grad():
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.normal_(0, 0.2)
    adapted_logits = adapted(**batch).logits[0]
adapted.save_pretrained(os.path.join(OUT, "adapter"))
path = os.path.join(OUT, "adapter", "adapter_config.json")
held = json.load(open(path))
held["base_model_name_or_path"] = "../base"
json.dump(held, open(path, "w"), indent=1)
for extra in ("README.md",):
    if os.path.exists(os.path.join(OUT, "adapter", extra)):
        os.remove(os.path.join(OUT, "adapter", extra))
json.dump(
    {
        "tokens": tokens,
        "pixels": [round(x, 6) for x in pixels.flatten().tolist()],
        "grid": [1, 4, 4],
        "baseLogits": base_logits.flatten().tolist(),
        "adaptedLogits": adapted_logits.flatten().tolist(),
    },
    open(os.path.join(OUT, "expected.json"), "w"),
)
print(sorted(held.items()))
