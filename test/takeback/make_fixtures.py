"""Makes the logs and adapters of test/takeback/fixtures with the real trainers: TRL's GRPOTrainer and SFTTrainer with PEFT, on the CPU.

    python test/takeback/make_fixtures.py data/nano WORK test/takeback/fixtures

Made with TRL 1.16.0, transformers 5.23.0, PEFT 0.21.2, torch 2.15.0. WORK is an empty folder, which the trainers write into; what
tests read is copied from there. Names of event files are shortened, as they hold the machine's.
"""
import glob
import json
import os
import shutil
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import datasets  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, PeftModel  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402
from transformers import AutoProcessor, Qwen2VLForConditionalGeneration  # noqa: E402
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer  # noqa: E402

nano, work, fixtures = [os.path.abspath(place) for place in sys.argv[1:4]]
os.makedirs(work, exist_ok=True)
os.chdir(work)
if not os.path.exists("nano"):
    shutil.copytree(nano, "nano")


def load():
    torch.manual_seed(0)
    model = Qwen2VLForConditionalGeneration.from_pretrained("nano", dtype=torch.float32)
    return model, AutoProcessor.from_pretrained("nano")


def picture(count):
    image = Image.new("RGB", (56, 56), "white")
    draw = ImageDraw.Draw(image)
    for i in range(count):
        draw.rectangle([4 + 13 * i, 20, 12 + 13 * i, 30], fill="red")
    return image


def question(count):
    return f"How many things are there? There are at most {count + 2}."


def answer_reward(completions, solution, log_extra=None, **_):
    if log_extra is not None:
        log_extra("solution", list(solution))
    return [float(text in completion[0]["content"]) for completion, text in zip(completions, solution)]


def length_reward(completions, **_):
    # It applies to every second completion, so that nulls are logged too.
    return [len(completion[0]["content"]) / 100 if i % 2 == 0 else None for i, completion in enumerate(completions)]


def grpo():
    rows = [{"prompt": [{"role": "user", "content": question(n)}], "image": picture(n), "solution": str(n)} for n in (1, 2, 3, 4)]
    features = datasets.Features(
        {
            "prompt": [{"role": datasets.Value("string"), "content": datasets.Value("string")}],
            "image": datasets.Image(),
            "solution": datasets.Value("string"),
        }
    )
    model, processor = load()
    processor.tokenizer.padding_side = "left"
    os.environ["TENSORBOARD_LOGGING_DIR"] = "trl-grpo/tensorboard"
    ids = [model.config.image_token_id, model.config.vision_start_token_id, model.config.vision_end_token_id]
    arguments = GRPOConfig(
        output_dir="trl-grpo",
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=16,
        generation_kwargs={"suppress_tokens": ids},
        beta=0.04,
        reward_weights=[1.0, 0.5],
        learning_rate=1e-5,
        max_steps=3,
        save_steps=3,
        logging_steps=1,
        log_completions=True,
        report_to=["tensorboard"],
        use_cpu=True,
        bf16=False,
        seed=1,
        disable_tqdm=True,
    )
    trainer = GRPOTrainer(
        model=model,
        processing_class=processor,
        reward_funcs=[answer_reward, length_reward],
        args=arguments,
        train_dataset=datasets.Dataset.from_list(rows, features=features),
    )
    trainer.train()


def adapters(name, **settings):
    """SFT of adapters with PEFT, two steps; then what PEFT's own merge makes of the model, as numbers to compare with."""
    rows = [
        {
            "images": [picture(n)],
            "prompt": [{"role": "user", "content": question(n)}],
            "completion": [{"role": "assistant", "content": str(n)}],
        }
        for n in (1, 2, 3, 4)
    ]
    model, processor = load()
    arguments = SFTConfig(
        output_dir=name,
        per_device_train_batch_size=4,
        max_steps=2,
        save_steps=2,
        logging_steps=1,
        learning_rate=1e-2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        seed=1,
        disable_tqdm=True,
        max_length=None,
    )
    config = LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **settings)
    trainer = SFTTrainer(
        model=model, args=arguments, train_dataset=datasets.Dataset.from_list(rows), processing_class=processor, peft_config=config
    )
    trainer.train()
    folder = os.path.join(name, "checkpoint-2")
    base, _ = load()
    before = {key: value.clone() for key, value in base.state_dict().items()}
    merged = PeftModel.from_pretrained(base, folder).merge_and_unload().state_dict()
    moved = {key: float((merged[key] - before[key]).abs().sum()) for key in before if not torch.equal(merged[key], before[key])}
    with open(os.path.join(name, "merged.json"), "w") as file:
        json.dump(moved, file, indent=1, sort_keys=True)


def copy(source, target):
    target = os.path.join(fixtures, target)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy(source, target)


def main():
    only = sys.argv[4:]
    if not only or "grpo" in only:
        grpo()
        copy("trl-grpo/checkpoint-3/trainer_state.json", "trl-grpo/checkpoint-3/trainer_state.json")
        for file in sorted(glob.glob("trl-grpo/completions/*.parquet")):
            copy(file, file)
        [events] = glob.glob("trl-grpo/tensorboard/events*")
        copy(events, "trl-grpo/tensorboard/events.out.tfevents.1.host.1.0")
    kinds = {
        "peft-sft": dict(r=2, lora_alpha=6, target_modules=["q_proj", "v_proj"]),
        "peft-rslora": dict(r=4, lora_alpha=8, use_rslora=True, target_modules="all-linear"),
    }
    for name, settings in kinds.items():
        if only and name not in only:
            continue
        adapters(name, **settings)
        copy(f"{name}/merged.json", f"{name}/merged.json")
        for file in ("trainer_state.json", "adapter_config.json", "adapter_model.safetensors"):
            copy(f"{name}/checkpoint-2/{file}", f"{name}/checkpoint-2/{file}")


main()
