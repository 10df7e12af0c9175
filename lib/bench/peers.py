"""The same workloads with PyTorch, transformers and TRL: reads one JSON request a line, answers with the seconds of each sample.

Request: {"kind": "sft" | "decode" | "prefill" | "grpo", "checkpoint": DIR, "prompts": FILE, "precision": "float32" | "bfloat16",
"samples": N, "form": "eager" | "compiled" | "ctranslate2", ...}. `prompts` holds [{"text", "image"}], images as PNG files beside it.
Samples that warm up come first and are not reported. In the form "compiled" PyTorch runs as its experts run it: torch.compile of the
vision tower and the language model, `generate` with a static cache, TRL with `torch_compile`. The form "ctranslate2" decodes with the
decoder alone, since CTranslate2 reads no pictures. In bfloat16 the weights are bfloat16 too.
"""
import json
import os
import resource
import sys
import time
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# `npm run bench -- --gpu` asks for a GPU; the other benches measure the CPU, also where there is one.
ON_GPU = os.environ.get("REASON_RFT_DEVICE") == "gpu"
if not ON_GPU:
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
warnings.filterwarnings("ignore")

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import AutoProcessor, CompileConfig, Qwen2VLForConditionalGeneration  # noqa: E402


DEVICE = "cuda" if ON_GPU else "cpu"


# A compiled model meets its shapes in the first samples: the first compiles, and a decoder's cache compiles once more.
WARM_UPS = {"eager": 1, "compiled": 3, "ctranslate2": 1}


def is_compiled(request):
    return request["form"] == "compiled"


def load(request):
    """Model and processor of the checkpoint, compiled if it is asked for."""
    dtype = torch.bfloat16 if request["precision"] == "bfloat16" else torch.float32
    model = Qwen2VLForConditionalGeneration.from_pretrained(request["checkpoint"], dtype=dtype).to(DEVICE)
    if is_compiled(request) and request["kind"] in ("sft", "prefill"):
        model.model.visual = torch.compile(model.model.visual)
        model.model.language_model = torch.compile(model.model.language_model)
    return model, AutoProcessor.from_pretrained(request["checkpoint"])


def conversation(prompt):
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt["text"]}]}]


def encode(processor, prompts, folder, side):
    """Prompts padded on one side, with their pixel values."""
    processor.tokenizer.padding_side = side
    texts = [processor.apply_chat_template(conversation(p), add_generation_prompt=True, tokenize=False) for p in prompts]
    images = [Image.open(os.path.join(folder, p["image"])).convert("RGB") for p in prompts]
    return processor(text=texts, images=images, padding=True, return_tensors="pt").to(DEVICE)


def take(prompts, count):
    return [prompts[i % len(prompts)] for i in range(count)]


def timed(request, run):
    warm_ups = WARM_UPS[request["form"]]
    seconds = []
    for sample in range(request["samples"] + warm_ups):
        started = time.perf_counter()
        run()
        if ON_GPU:
            torch.cuda.synchronize()
        if sample >= warm_ups:
            seconds.append(time.perf_counter() - started)
    return seconds


def sft(request, prompts, folder):
    """Forward, backward, clipping and AdamW on rows of exactly `length` tokens: the prompt, then trained tokens."""
    model, processor = load(request)
    model.train()
    rows, length = request["rows"], request["length"]
    encoded = encode(processor, take(prompts, rows), folder, "right")
    ids = torch.full((rows, length), request["fill"], device=DEVICE)
    labels = torch.full((rows, length), -100, device=DEVICE)
    for row in range(rows):
        count = int(encoded["attention_mask"][row].sum())
        ids[row, :count] = encoded["input_ids"][row, :count]
        labels[row, count:] = request["fill"]
    batch = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "mm_token_type_ids": (ids == model.config.image_token_id).int(),
        "pixel_values": encoded["pixel_values"],
        "image_grid_thw": encoded["image_grid_thw"],
        "labels": labels,
    }
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0.1)

    def run():
        loss = model(**batch).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()

    return timed(request, run)


def decode(request, prompts, folder):
    """`generate`, greedy, always `newTokens` tokens."""
    if request["form"] == "ctranslate2":
        return decode_with_ctranslate2(request, prompts, folder)
    model, processor = load(request)
    model.eval()
    encoded = encode(processor, take(prompts, request["rows"]), folder, "left")
    count = request["newTokens"]
    options = {"do_sample": False, "min_new_tokens": count, "max_new_tokens": count}
    if is_compiled(request):
        # transformers compiles `generate` with a static cache on a GPU alone, unless it is asked to.
        compiling = CompileConfig()
        compiling._compile_all_devices = True
        options |= {"cache_implementation": "static", "compile_config": compiling}

    def run():
        with torch.no_grad():
            out = model.generate(**encoded, **options)
        assert out.shape[1] == encoded["input_ids"].shape[1] + count

    return timed(request, run)


def decode_with_ctranslate2(request, prompts, folder):
    """The same by CTranslate2: a worker on each core, and a word where each visual token would stand, so that lengths are equal."""
    import ctranslate2
    import tempfile
    from transformers import Qwen2Config, Qwen2ForCausalLM

    model, processor = load(request)
    encoded = encode(processor, take(prompts, request["rows"]), folder, "left")
    visual = torch.isin(encoded["input_ids"], torch.tensor(vision_tokens(model.config)))
    ids = torch.where(visual, request["fill"], encoded["input_ids"])
    tokens = [
        processor.tokenizer.convert_ids_to_tokens(row[mask.bool()])
        for row, mask in zip(ids, encoded["attention_mask"])
    ]
    count = request["newTokens"]
    text = model.config.text_config
    # A text of Qwen2 has the same rotary positions as one of Qwen2-VL: without pictures M-RoPE's three axes are one.
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size")
    shape = {name: getattr(text, name) for name in names}
    rope = {"rope_type": "default", "rope_theta": text.rope_parameters["rope_theta"]}
    config = Qwen2Config(**shape, rms_norm_eps=text.rms_norm_eps, rope_parameters=rope, tie_word_embeddings=True)
    decoder = Qwen2ForCausalLM(config)
    missing, _ = decoder.model.load_state_dict(model.model.language_model.state_dict(), strict=False)
    assert not missing, missing
    with tempfile.TemporaryDirectory() as temporary:
        decoder.save_pretrained(os.path.join(temporary, "transformers"))
        processor.tokenizer.save_pretrained(os.path.join(temporary, "transformers"))
        converted = os.path.join(temporary, "ctranslate2")
        ctranslate2.converters.TransformersConverter(os.path.join(temporary, "transformers")).convert(converted)
        workers = torch.get_num_threads()
        generator = ctranslate2.Generator(
            converted, device="cpu", compute_type=request["precision"], inter_threads=workers, intra_threads=1
        )

        def run():
            results = generator.generate_batch(
                tokens,
                min_length=count,
                max_length=count,
                sampling_topk=1,
                include_prompt_in_result=False,
                end_token=[],
                max_batch_size=-(-len(tokens) // workers),
            )
            assert all(len(result.sequences_ids[0]) == count for result in results)

        return timed(request, run)


def prefill(request, prompts, folder):
    """One forward pass over the prompts, logits of the last token alone."""
    model, processor = load(request)
    model.eval()
    encoded = encode(processor, take(prompts, request["rows"]), folder, "left")

    def run():
        with torch.no_grad():
            model(**encoded, use_cache=True, logits_to_keep=1)

    return timed(request, run)


def vision_tokens(config):
    return [config.image_token_id, config.vision_start_token_id, config.vision_end_token_id]


def grpo(request, prompts, folder):
    """A step of TRL's GRPOTrainer: `prompts` x `completions` completions of always `newTokens` tokens, one update."""
    import datasets
    import tempfile
    from transformers import TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    seconds = []

    class Clock(TrainerCallback):
        def on_step_begin(self, args, state, control, **kwargs):
            self.started = time.perf_counter()

        def on_step_end(self, args, state, control, **kwargs):
            seconds.append(time.perf_counter() - self.started)

    warm_ups = WARM_UPS[request["form"]]
    rows = [
        {"prompt": [{"role": "user", "content": p["text"]}], "image": Image.open(os.path.join(folder, p["image"])).convert("RGB")}
        for p in take(prompts, request["rows"] * (request["samples"] + warm_ups))
    ]
    features = datasets.Features(
        {"prompt": [{"role": datasets.Value("string"), "content": datasets.Value("string")}], "image": datasets.Image()}
    )
    dataset = datasets.Dataset.from_list(rows, features=features)
    model, processor = load(request)
    processor.tokenizer.padding_side = "left"
    count = request["newTokens"]
    with tempfile.TemporaryDirectory() as output:
        arguments = GRPOConfig(
            output_dir=output,
            per_device_train_batch_size=request["rows"] * request["completions"],
            num_generations=request["completions"],
            max_completion_length=count,
            # An image token that the policy writes itself ends TRL's step with a shape error.
            generation_kwargs={"min_new_tokens": count, "suppress_tokens": vision_tokens(model.config)},
            beta=0.04,
            loss_type="grpo",
            temperature=1.0,
            learning_rate=1e-6,
            max_steps=request["samples"] + warm_ups,
            torch_compile=is_compiled(request),
            gradient_checkpointing=False,
            bf16=request["precision"] == "bfloat16",
            use_cpu=not ON_GPU,
            report_to=[],
            save_strategy="no",
            logging_steps=10**6,
            disable_tqdm=True,
            dataloader_num_workers=0,
        )
        trainer = GRPOTrainer(
            model=model,
            processing_class=processor,
            reward_funcs=lambda completions, **_: [float(len(str(c)) % 7) for c in completions],
            args=arguments,
            train_dataset=dataset,
            callbacks=[Clock()],
        )
        trainer.train()
    return seconds[warm_ups:]


WORKLOADS = {"sft": sft, "decode": decode, "prefill": prefill, "grpo": grpo}


def main():
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What libraries print must not stand between answers.
    from importlib import metadata
    import transformers
    import trl

    versions = {"ctranslate2": metadata.version("ctranslate2"), "torch": torch.__version__, "transformers": transformers.__version__, "trl": trl.__version__}
    print(json.dumps({"versions": versions, "threads": torch.get_num_threads()}), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            with open(request["prompts"]) as file:
                prompts = json.load(file)
            folder = os.path.dirname(request["prompts"])
            answer = {"seconds": WORKLOADS[request["kind"]](request, prompts, folder)}
        except Exception as error:  # The bench goes on without this peer's figure and says why.
            answer = {"error": f"{type(error).__name__}: {error}"}
        answer["peakMegabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(answer), file=answers, flush=True)


main()
