"""Makes test/parity/fixtures/FAMILY for each family: a random tiny checkpoint of transformers, and what transformers, PyTorch and
PEFT compute from it. Needs torch, transformers, peft and pillow; run by hand when a format changes, and make_grpo_fixtures.py after it:

    OMP_NUM_THREADS=1 python test/parity/make_fixtures.py

A checkpoint folder is what `save_pretrained` writes, `config.json` in the layout of transformers 5, and beside it
`config.published.json` in the layout of the published checkpoints, which transformers reads to the same logits (asserted here).
`expected.json` holds the whole numbers, `expected.safetensors` the others.
"""
import copy
import json
import os
import shutil
import tempfile

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TRANSFORMERS_VERBOSITY"] = "error"

import numpy  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from tokenizers import Regex  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForImageTextToText,
    AutoProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2Tokenizer,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    Qwen3VLConfig,
    Qwen3VLForConditionalGeneration,
    Qwen3VLProcessor,
    Qwen3VLVideoProcessor,
)
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX  # noqa: E402
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil  # noqa: E402

from chat_template import QWEN3_TEMPLATE, TEMPLATE  # noqa: E402

FIXTURES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
# Width and height of the images: some keep their size, some are enlarged, some are shrunk (sides multiples of 8, 256 to 2304 pixels).
IMAGES = {"whole": (40, 24), "odd": (29, 37), "small": (20, 20), "tall": (12, 70), "wide": (200, 16)}
CASES = {
    "none": ("What is 12 + 30? Think first.", []),
    "one": ("How many blue cubes are there?", ["whole"]),
    "two": ("Which picture has more spheres, the first or the second?\n<think>", ["odd", "small"]),
    "tall": ("Describe the image.", ["tall"]),
    "wide": ("Größe: 3.5 €, naïve façade 你好 <answer>7</answer>", ["wide"]),
}
# Prompt and answer of each row of the SFT step.
SFT = {"two": "<think>\n5 - 2 = 3\n</think>\n<answer>3</answer>", "none": "<answer>42</answer>", "wide": "A long wall."}
# Logits are kept after the last tokens of a prompt, pixel values at every 11th place.
KEPT_LOGITS, PIXEL_STEP = 8, 11
LORA = dict(r=3, lora_alpha=6)
LORA_TARGETS = {
    "qwen2-vl": ["q_proj", "v_proj", "o_proj", "down_proj", "qkv", "fc2", "mlp.2"],
    "qwen2.5-vl": ["q_proj", "k_proj", "up_proj", "down_proj", "qkv", "attn.proj", "mlp.0"],
    "qwen3-vl": ["q_proj", "k_proj", "o_proj", "gate_proj", "qkv", "linear_fc1", "linear_fc2"],
}
# Of each family the seed whose greedy tokens are many and lie far from a tie.
SEEDS = {"qwen2-vl": 11, "qwen2.5-vl": 11, "qwen3-vl": 8}
TEMPLATES = {"qwen2-vl": TEMPLATE, "qwen2.5-vl": TEMPLATE, "qwen3-vl": QWEN3_TEMPLATE}


def make_images(folder):
    """Waves with noise, so that every kind of resampling shows."""
    os.makedirs(folder, exist_ok=True)
    random = numpy.random.default_rng(5)
    for name, (width, height) in IMAGES.items():
        y, x = numpy.mgrid[0:height, 0:width]
        waves = [127 + 90 * numpy.sin(x / (3 + c) + c) * numpy.cos(y / (4 - c) - c) for c in range(3)]
        pixels = numpy.stack(waves, -1) + random.integers(-37, 38, (height, width, 1))
        Image.fromarray(pixels.clip(0, 255).astype("uint8")).save(os.path.join(folder, f"{name}.png"))


def make_tokenizer():
    """Qwen2's tokenizer with a vocabulary of its own: 256 bytes and 64 merges, trained on the questions and the template."""
    trained = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated")
    trained.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    texts = [question for question, _ in CASES.values()] + ["system\nYou are a helpful assistant.", "user\n", "assistant\n"]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + 64, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    trained.train_from_iterator(texts * 2, trainer)  # Twice: a pair that occurs once is not merged.
    model = json.loads(trained.to_str())["model"]
    tokenizer = Qwen2Tokenizer(vocab=model["vocab"], merges=[tuple(merge) for merge in model["merges"]], eos_token="<|im_end|>")
    tokenizer.add_special_tokens({"additional_special_tokens": SPECIAL})
    return tokenizer


def make_config(family, tokenizer):
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("image_pad", "video_pad", "vision_start", "vision_end", "im_end", "endoftext")}
    text = dict(
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        vocab_size=-(-len(tokenizer) // 16) * 16,
        rms_norm_eps=1e-6,
        rope_theta=1000000.0,
        rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]},
        bos_token_id=ids["endoftext"],
        eos_token_id=ids["im_end"],
        max_position_embeddings=512,
    )
    top = dict(
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
    )
    shared = dict(depth=2, num_heads=2, patch_size=4, temporal_patch_size=2, spatial_merge_size=2)
    if family == "qwen2-vl":
        vision = dict(**shared, embed_dim=16, mlp_ratio=2, hidden_size=16)
        return Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **top)
    if family == "qwen3-vl":
        # Heads wider than hidden_size / heads, a decoder layer without DeepStack, and more temporal frequencies than the others.
        text.update(num_hidden_layers=3, head_dim=16)
        text["rope_scaling"] = {"rope_type": "default", "mrope_section": [4, 2, 2], "mrope_interleaved": True}
        vision = dict(
            **{**shared, "depth": 3}, hidden_size=16, intermediate_size=20, out_hidden_size=16, num_position_embeddings=25,
            deepstack_visual_indexes=[0, 1],
        )
        return Qwen3VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **top)
    # Windows of 4 x 4 patches; the second of three blocks sees the whole image.
    vision = dict(
        **{**shared, "depth": 3}, hidden_size=16, intermediate_size=20, out_hidden_size=16, window_size=16, fullatt_block_indexes=[1]
    )
    return Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=False, **top)


def published(family, config):
    """A `config.json` of save_pretrained in the layout of the published checkpoints: flat, but for Qwen3-VL, whose is that of 4.57."""
    flat = copy.deepcopy(config)
    if family == "qwen3-vl":
        text, vision = flat["text_config"], flat["vision_config"]
        rope = text.pop("rope_parameters")
        text.update(rope_theta=rope.pop("rope_theta"), rope_scaling=rope)
        text["tie_word_embeddings"] = flat["tie_word_embeddings"]
        text.pop("layer_types", None)
        vision.pop("rope_parameters", None)
        vision["model_type"] = "qwen3_vl"
        flat.pop("dtype")
        return flat
    text = flat.pop("text_config")
    rope = text.pop("rope_parameters")
    for name in ("layer_types", "model_type", "dtype"):
        text.pop(name, None)
    flat.update({**text, "tie_word_embeddings": flat["tie_word_embeddings"]})
    flat["rope_theta"] = rope["rope_theta"]
    flat["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    flat["torch_dtype"] = flat.pop("dtype")
    vision = flat["vision_config"]
    vision.pop("rope_parameters", None)
    vision["in_chans"] = vision.pop("in_channels")
    vision["spatial_patch_size"] = vision["patch_size"]
    for name in ("model_type", "dtype", "initializer_range"):
        vision.pop(name, None)
    return flat


def make_model(family, tokenizer):
    torch.manual_seed(SEEDS[family])
    config = make_config(family, tokenizer)
    kinds = {
        "qwen2-vl": Qwen2VLForConditionalGeneration,
        "qwen2.5-vl": Qwen2_5_VLForConditionalGeneration,
        "qwen3-vl": Qwen3VLForConditionalGeneration,
    }
    model = kinds[family]._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                parameter.normal_(0, 0.3)
            elif name.endswith("bias"):
                parameter.normal_(0, 0.1)
            else:
                parameter.normal_(1, 0.1)
    model.generation_config.eos_token_id = config.text_config.eos_token_id
    model.generation_config.pad_token_id = config.text_config.bos_token_id
    return model


def make_processor(family, tokenizer):
    sizes = dict(
        patch_size=4,
        merge_size=2,
        temporal_patch_size=2,
        size={"shortest_edge": 256, "longest_edge": 2304},
        image_mean=[0.48145466, 0.4578275, 0.40821073],
        image_std=[0.26862954, 0.26130258, 0.27577711],
    )
    if family == "qwen3-vl":
        sizes.update(image_mean=[0.5] * 3, image_std=[0.5] * 3)
        return Qwen3VLProcessor(Qwen2VLImageProcessor(**sizes), tokenizer, Qwen3VLVideoProcessor(), chat_template=TEMPLATES[family])
    # Pillow's resampling, with which the models were trained, and torchvision's, transformers' default since 5.0.
    if family == "qwen2-vl":
        return Qwen2VLProcessor(Qwen2VLImageProcessorPil(**sizes), tokenizer, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)
    return Qwen2_5_VLProcessor(Qwen2VLImageProcessor(**sizes), tokenizer, Qwen2VLVideoProcessor(), chat_template=TEMPLATE)


def name_image_class(family, folder, processor):
    """save_pretrained writes the name of the class with the default backend; the kit takes Pillow's arithmetic by the name."""
    path = os.path.join(folder, "preprocessor_config.json")
    held = json.load(open(path))
    name = type(processor.image_processor).__name__
    # Qwen3-VL's published checkpoints have the class's name of 4.57.
    held["image_processor_type"] = f"{name}Fast" if family == "qwen3-vl" else name
    json.dump(held, open(path, "w"), indent=2)


def encode(processor, cases, answers=None, side="left"):
    """Prompts, with answers behind them where given, padded on one side."""
    processor.tokenizer.padding_side = side
    texts, images = [], []
    for i, case in enumerate(cases):
        question, names = CASES[case]
        content = [{"type": "image"} for _ in names] + [{"type": "text", "text": question}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False)
        texts.append(text + (answers[i] if answers else ""))
        images += [Image.open(os.path.join(FIXTURES, "images", f"{name}.png")) for name in names]
    return processor(text=texts, images=images or None, padding=True, return_tensors="pt")


def expect_logits(model, processor, out, numbers):
    """Each case alone: token ids, grids, position ids, pixel values, logits after the last tokens."""
    out["cases"] = {}
    for case, (question, names) in CASES.items():
        batch = encode(processor, [case])
        grids = batch.get("image_grid_thw")
        positions, _ = model.model.get_rope_index(
            batch["input_ids"], mm_token_type_ids=batch["mm_token_type_ids"], image_grid_thw=grids, attention_mask=batch["attention_mask"]
        )
        with torch.no_grad():
            logits = model(**batch).logits[0]
        out["cases"][case] = {
            "question": question,
            "images": names,
            "tokens": batch["input_ids"][0].tolist(),
            "grids": [] if grids is None else grids.tolist(),
            "positions": positions[:, 0].tolist(),
        }
        numbers[f"logits.{case}"] = logits[-KEPT_LOGITS:]
        if names:
            numbers[f"pixels.{case}"] = batch["pixel_values"].flatten()[::PIXEL_STEP]


def expect_greedy(model, processor, out):
    """32 tokens after each case, all in one batch padded on the left."""
    batch = encode(processor, CASES)
    with torch.no_grad():
        drawn = model.generate(**batch, do_sample=False, max_new_tokens=32, output_logits=True, return_dict_in_generate=True)
    end, pad = model.generation_config.eos_token_id, model.generation_config.pad_token_id
    new = drawn.sequences[:, batch["input_ids"].shape[1] :].tolist()
    out["greedy"] = {case: row[: row.index(end) + 1] if end in row else row for case, row in zip(CASES, new)}
    assert all(pad not in row for row in out["greedy"].values())
    # A near tie would make the test a matter of luck.
    margins = []
    for step, logits in enumerate(drawn.logits):
        top = logits.topk(2, -1).values
        margins += [(top[i, 0] - top[i, 1]).item() for i, row in enumerate(out["greedy"].values()) if step < len(row)]
    print("greedy: smallest margin", min(margins), "distinct tokens", [len(set(row)) for row in out["greedy"].values()])
    assert min(margins) > 2e-3, "a near tie: take another seed"


def expect_sft(model, processor, out, numbers):
    """Loss and gradients of a supervised step: the mean over all answers' tokens, the end token included."""
    answers = [answer + "<|im_end|>" for answer in SFT.values()]
    batch = encode(processor, SFT, answers, side="right")
    prompts = [len(encode(processor, [case])["input_ids"][0]) for case in SFT]
    labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
    for row, length in enumerate(prompts):
        labels[row, :length] = -100
    model.zero_grad()
    loss = model(**batch, labels=labels).loss
    loss.backward()
    out["sft"] = {"rows": SFT, "loss": loss.item(), "trained": (labels[:, 1:] != -100).sum().item()}
    saved = saved_names(model)
    for name, parameter in model.named_parameters():
        numbers[f"gradient.{saved[name]}"] = parameter.grad.clone()
    model.zero_grad()


def saved_names(model):
    """The name under which save_pretrained writes each parameter, found by its values."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        held = load_file(os.path.join(folder, "model.safetensors"))
    names = {}
    for name, parameter in model.named_parameters():
        names[name] = next(each for each, value in held.items() if value.shape == parameter.shape and torch.equal(value, parameter))
    assert len(set(names.values())) == len(names) == len(held)
    return names


def expect_lora(family, model, processor, folder, numbers):
    """A random PEFT adapter on decoder, tower and merger, and the logits with it."""
    adapted = get_peft_model(copy.deepcopy(model), LoraConfig(**LORA, target_modules=LORA_TARGETS[family]))
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(0, 0.2)
        numbers["logits.adapted"] = adapted.eval()(**encode(processor, ["two"])).logits[0][-KEPT_LOGITS:]
    target = os.path.join(folder, "adapter")
    adapted.save_pretrained(target)
    path = os.path.join(target, "adapter_config.json")
    held = json.load(open(path))
    held["base_model_name_or_path"] = ".."
    held["target_modules"].sort()
    json.dump(held, open(path, "w"), indent=1)
    os.remove(os.path.join(target, "README.md"))


def check_published(folder, config, batch, logits):
    """transformers reads the flat layout to the same logits."""
    with tempfile.TemporaryDirectory() as other:
        shutil.copytree(folder, other, dirs_exist_ok=True)
        json.dump(config, open(os.path.join(other, "config.json"), "w"))
        read = AutoModelForImageTextToText.from_pretrained(other, attn_implementation="eager").eval()
        with torch.no_grad():
            assert torch.equal(read(**batch).logits[0][-KEPT_LOGITS:], logits)


def main():
    make_images(os.path.join(FIXTURES, "images"))
    for family in TEMPLATES:
        folder = os.path.join(FIXTURES, family)
        shutil.rmtree(folder, ignore_errors=True)
        tokenizer = make_tokenizer()
        model, processor = make_model(family, tokenizer), make_processor(family, tokenizer)
        model.save_pretrained(folder)
        processor.tokenizer.save_pretrained(folder)
        processor.image_processor.save_pretrained(folder)
        name_image_class(family, folder, processor)
        with open(os.path.join(folder, "chat_template.jinja"), "w") as file:
            file.write(TEMPLATES[family])
        config = published(family, json.load(open(os.path.join(folder, "config.json"))))
        json.dump(config, open(os.path.join(folder, "config.published.json"), "w"), indent=2)
        out, numbers = {}, {}
        expect_logits(model, processor, out, numbers)
        check_published(folder, config, encode(processor, ["two"]), numbers["logits.two"])
        expect_greedy(model, processor, out)
        expect_sft(model, processor, out, numbers)
        expect_lora(family, model, processor, folder, numbers)
        json.dump(out, open(os.path.join(folder, "expected.json"), "w"), indent=None, ensure_ascii=False)
        save_file({name: value.contiguous() for name, value in numbers.items()}, os.path.join(folder, "expected.safetensors"))
        AutoProcessor.from_pretrained(folder)  # The folder is whole for transformers too.


if __name__ == "__main__":
    main()
