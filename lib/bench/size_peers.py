"""The phases of size-worker.ts with transformers, PEFT and TRL: one JSON line each, with its seconds and the peak of resident memory.

The base model is held and computes in the bfloat16 of the checkpoint; the adapters are float32, as PEFT makes them.

Arguments: the checkpoint's folder, and a JSON file {"text", "image"} with the image beside it.
"""
import json
import os
import sys
import tempfile
import time
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# `npm run bench -- --gpu` asks for a GPU; `--size` measures the CPU, also where there is one.
ON_GPU = os.environ.get("REASON_RFT_DEVICE") == "gpu"
DEVICE = "cuda" if ON_GPU else "cpu"
if not ON_GPU:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")

import datasets  # noqa: E402
import torch  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import AutoModelForImageTextToText, AutoProcessor, TrainerCallback  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

# What both sides do; size-worker.ts has the same numbers.
NEW_TOKENS = 16
COMPLETION = 32
GROUP = 4
LORA = LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])
FILL = 300


def reset_peak():
    try:
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
    except OSError:
        pass  # Not Linux, or no permission: the peak stays that of all phases so far.


def peak_megabytes():
    if sys.platform != "linux":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024


def now():
    if ON_GPU:
        torch.cuda.synchronize()
    # The second is the time of all threads, which other work on the machine changes less.
    return time.perf_counter(), time.process_time()


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print must not stand between answers.
    checkpoint, prompt_file = sys.argv[1:]
    with open(prompt_file) as file:
        prompt = json.load(file)
    image = Image.open(os.path.join(os.path.dirname(prompt_file), prompt["image"])).convert("RGB")

    def phase(name, run):
        """Runs a phase, which calls `lap` after each of its runs, and writes its line."""
        reset_peak()
        clock = [now()]
        run(lambda *_: clock.append(now()))
        seconds, cpu = ([later[i] - earlier[i] for earlier, later in zip(clock, clock[1:])] for i in (0, 1))
        answer = {"phase": name, "seconds": seconds, "cpuSeconds": cpu, "peakMegabytes": peak_megabytes()}
        print(json.dumps(answer), file=answers, flush=True)

    loaded = {}

    def load(lap):
        loaded["model"] = AutoModelForImageTextToText.from_pretrained(checkpoint, dtype=torch.bfloat16).to(DEVICE)
        lap()

    phase("load", load)
    model = loaded["model"]
    processor = AutoProcessor.from_pretrained(checkpoint)
    messages = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt["text"]}]}]
    text = processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    encoded = processor(text=[text], images=[image], return_tensors="pt").to(DEVICE)

    def generate(lap):
        for _ in range(2):
            with torch.no_grad():
                model.generate(**encoded, do_sample=False, min_new_tokens=NEW_TOKENS, max_new_tokens=NEW_TOKENS)
            lap()

    phase(f"generate {NEW_TOKENS} tokens", generate)

    def sft(lap):
        # The adapters train, as the kit's: the vision tower has none.
        adapted = get_peft_model(model, LORA)
        adapted.train()
        ids = torch.cat([encoded["input_ids"], torch.full((1, COMPLETION), FILL, device=DEVICE)], dim=1)
        labels = ids.clone()
        labels[:, : encoded["input_ids"].shape[1]] = -100
        batch = {
            "input_ids": ids,
            "attention_mask": torch.ones_like(ids),
            "mm_token_type_ids": (ids == model.config.image_token_id).int(),
            "pixel_values": encoded["pixel_values"],
            "image_grid_thw": encoded["image_grid_thw"],
            "labels": labels,
        }
        parameters = [p for p in adapted.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=1e-5)

        for _ in range(2):
            adapted(**batch).loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            lap()
        loaded["model"] = adapted.unload()

    phase("SFT step", sft)

    def grpo(lap):
        class Clock(TrainerCallback):
            def on_step_end(self, args, state, control, **kwargs):
                lap()

        features = datasets.Features(
            {"prompt": [{"role": datasets.Value("string"), "content": datasets.Value("string")}], "image": datasets.Image()}
        )
        row = {"prompt": [{"role": "user", "content": prompt["text"]}], "image": image}
        processor.tokenizer.padding_side = "left"
        config = model.config
        with tempfile.TemporaryDirectory() as output:
            arguments = GRPOConfig(
                output_dir=output,
                per_device_train_batch_size=GROUP,
                num_generations=GROUP,
                max_completion_length=NEW_TOKENS,
                # An image token that the policy writes itself ends TRL's step with a shape error.
                generation_kwargs={
                    "min_new_tokens": NEW_TOKENS,
                    "suppress_tokens": [config.image_token_id, config.vision_start_token_id, config.vision_end_token_id],
                },
                beta=0.04,
                loss_type="grpo",
                temperature=1.0,
                learning_rate=1e-6,
                max_steps=2,
                gradient_checkpointing=False,
                bf16=False,
                use_cpu=not ON_GPU,
                report_to=[],
                save_strategy="no",
                logging_steps=10**6,
                disable_tqdm=True,
                dataloader_num_workers=0,
            )
            trainer = GRPOTrainer(
                model=loaded["model"],
                processing_class=processor,
                reward_funcs=lambda completions, **_: [float(len(str(c)) % 7) for c in completions],
                args=arguments,
                train_dataset=datasets.Dataset.from_list([row, row], features=features),
                peft_config=LORA,
                callbacks=[Clock()],
            )
            trainer.train()

    phase("GRPO step", grpo)


main()
