"""Makes grpo.json and grpo.safetensors in test/parity/fixtures/FAMILY: loss and gradients that TRL's GRPOTrainer computes (its own
`_compute_loss`) of one fixed rollout, for each of its loss types, with the KL as it is and times the importance ratio. TRL has no
sampling mask; for that its log-probabilities are replaced by PyTorch's over the tokens that were kept. It also writes the names of
TRL's options to fixtures/trl-options.json. It reads the checkpoints that make_fixtures.py writes; run it after that:

    OMP_NUM_THREADS=1 python test/parity/make_grpo_fixtures.py
"""
import copy
import dataclasses
import json
import os
import tempfile

import datasets
import torch
import transformers
import trl
from safetensors.torch import save_file
from transformers import AutoModelForImageTextToText, LogitsProcessorList, MinPLogitsWarper, TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper
from trl import GRPOConfig, GRPOTrainer

from make_fixtures import CASES, FIXTURES, encode, make_processor, make_tokenizer, saved_names

# Prompt, completions and advantages.
GRPO = {
    "one": (["<answer>3</answer>", "There are 4 cubes."], [0.7, -0.7]),
    "two": (["the first", "<think>2 > 1</think> second"], [-1.2, 1.2]),
}
# Large, so that the KL shows in loss and gradient.
BETA, MAX_COMPLETION = 0.5, 64
# Weights of the policy that wrote the rollout, and of the reference model: the model's own, times these.
SAMPLING_SCALE, REFERENCE_SCALE = 0.998, 0.9
# Narrow enough that ratios are clipped on both sides; for cispo the bound of the ratio.
EPSILON, CISPO_BOUND = 0.01, 1.005
# Every so many entries of each parameter's gradient are kept.
GRADIENT_STEP = 11
# Between the mean l_old - l of the two completions of qwen2.5-vl with a negative advantage (0.0137 and 0.0020).
OFF_POLICY_THRESHOLD = 0.005
# The kit's names: luspo and gspo have the sequence ratio, and gspo is the loss grpo with it.
SEQUENCE = {"luspo", "gspo"}
ALL = ["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "sapo", "gspo", "luspo", "vespo"]
# The families take the same code from log-probabilities on, so that one of them shows the other loss types.
LOSS_TYPES = {"qwen2-vl": ALL, "qwen2.5-vl": ["grpo"], "qwen3-vl": ["grpo"]}
# The tokens that could be drawn: those that these leave of the sampling policy's logits, and the token that stands there.
KEEPING = LogitsProcessorList([TemperatureLogitsWarper(0.9), TopKLogitsWarper(50), TopPLogitsWarper(0.9), MinPLogitsWarper(0.01)])


def weights_times(model, scale):
    other = copy.deepcopy(model)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(scale)
    return other


def rollout(processor):
    """Prompts with their images, and completions, as TRL's trainer has them."""
    cases = [case for case, (answers, _) in GRPO.items() for _ in answers]
    answers = [answer + "<|im_end|>" for group, _ in GRPO.values() for answer in group]
    prompts = encode(processor, cases)
    completions = processor.tokenizer(answers, padding=True, padding_side="right", return_tensors="pt")
    images = {
        "pixel_values": prompts["pixel_values"],
        "image_grid_thw": prompts["image_grid_thw"],
        "num_images": [len(CASES[case][1]) for case in cases],
        "mm_token_type_ids": torch.cat([prompts["mm_token_type_ids"], torch.zeros_like(completions["input_ids"])], 1),
    }
    return prompts, completions, images


def completion_logits(model, ids, mask, keep, images):
    """The logits that each token of the completions is drawn from, `[rows, keep, vocab]`."""
    inputs = {name: value for name, value in images.items() if name != "num_images"}
    # The class's own: TRL replaces the instance's by one that keeps the first model's weights, also in a copy.
    return type(model).forward(model, input_ids=ids, attention_mask=mask, **inputs).logits[:, -keep - 1 : -1]


def kept_tokens(model, ids, mask, keep, images):
    """True for each token that could be drawn, `[rows, keep, vocab]`."""
    with torch.no_grad():
        logits = completion_logits(model, ids, mask, keep, images)
    rows, _, vocab = logits.shape
    kept = KEEPING(None, logits.reshape(-1, vocab)).isfinite().reshape(rows, keep, vocab)
    return kept.scatter(2, ids[:, -keep:, None], True)


def keep_mask(trainer, kept, images):
    """Replaces TRL's log-probabilities and entropies by those over the kept tokens alone."""

    def scores(model, input_ids, attention_mask, logits_to_keep, compute_entropy=False, **_):
        logits = completion_logits(model, input_ids, attention_mask, logits_to_keep, images)
        logs = logits.masked_fill(~kept, float("-inf")).log_softmax(-1)
        entropies = -(logs.exp() * logs.masked_fill(~kept, 0.0)).sum(-1) if compute_entropy else None
        return logs.gather(2, input_ids[:, -logits_to_keep:, None]).squeeze(2), entropies, None

    trainer._get_per_token_logps_and_entropies = scores


def compute(folder, processor, loss_type, unbiased, threshold, keeps_mask=False):
    """TRL's loss, the gradient of every parameter by its saved name, and the kept tokens of each token of each completion."""
    prompts, completions, images = rollout(processor)
    ids = torch.cat([prompts["input_ids"], completions["input_ids"]], 1)
    mask = torch.cat([prompts["attention_mask"], completions["attention_mask"]], 1)
    with tempfile.TemporaryDirectory() as output:
        arguments = GRPOConfig(
            output_dir=output,
            per_device_train_batch_size=len(ids),
            num_generations=2,
            max_completion_length=MAX_COMPLETION,
            beta=BETA,
            epsilon=EPSILON,
            epsilon_high=CISPO_BOUND if loss_type == "cispo" else EPSILON,
            loss_type="grpo" if loss_type == "gspo" else loss_type,
            importance_sampling_level="sequence" if loss_type in SEQUENCE else "token",
            use_bias_correction_kl=unbiased,
            off_policy_mask_threshold=threshold,
            temperature=1.0,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to=[],
        )
        trainer = GRPOTrainer(
            # TRL reads the reference model from the same folder.
            model=AutoModelForImageTextToText.from_pretrained(folder, attn_implementation="eager"),
            processing_class=processor,
            reward_funcs=lambda completions, **_: [0.0 for _ in completions],
            args=arguments,
            train_dataset=datasets.Dataset.from_list([{"prompt": "unused"}] * 4),
        )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = 1
    keep = completions["input_ids"].shape[1]
    kept = kept_tokens(weights_times(trainer.model, SAMPLING_SCALE), ids, mask, keep, images)
    if keeps_mask:
        keep_mask(trainer, kept, images)

    def scores(scale):
        scored = trainer.model if scale == 1 else weights_times(trainer.model, scale)
        with torch.no_grad():
            return trainer._get_per_token_logps_and_entropies(scored, ids, mask, keep, **images)[0]

    inputs = {
        "prompt_ids": prompts["input_ids"],
        "prompt_mask": prompts["attention_mask"],
        "completion_ids": completions["input_ids"],
        "completion_mask": completions["attention_mask"],
        "advantages": torch.tensor([a for _, group in GRPO.values() for a in group]),
        "old_per_token_logps": scores(SAMPLING_SCALE),
        "ref_per_token_logps": scores(REFERENCE_SCALE),
        "num_items_in_batch": completions["attention_mask"].sum(),
        **images,
    }
    names = saved_names(trainer.model)
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, inputs)
    loss.backward()
    distance = ((inputs["old_per_token_logps"] - scores(1)) * completions["attention_mask"]).sum(1) / completions["attention_mask"].sum(1)
    print(loss_type, unbiased, threshold, loss.item(), "mean l_old - l", distance.tolist())
    sets = [
        [allowed.nonzero().flatten().tolist() for allowed, counted in zip(row, counts) if counted]
        for row, counts in zip(kept, completions["attention_mask"])
    ]
    return loss.item(), {names[name]: parameter.grad for name, parameter in trainer.model.named_parameters()}, sets


def write_options():
    """The names of GRPOConfig's own options, and of those that it inherits and gives another default."""
    inherited = {field.name: field.default for field in dataclasses.fields(transformers.TrainingArguments)}
    own = [field for field in dataclasses.fields(GRPOConfig) if field.name not in inherited]
    changed = [field for field in dataclasses.fields(GRPOConfig) if field.name in inherited and field.default != inherited[field.name]]
    names = lambda fields: sorted(field.name for field in fields)  # noqa: E731
    options = {"trl": trl.__version__, "own": names(own), "changed": names(changed)}
    with open(os.path.join(FIXTURES, "trl-options.json"), "w") as file:
        file.write(json.dumps(options, indent=1) + "\n")


def main():
    write_options()
    for family, loss_types in LOSS_TYPES.items():
        folder = os.path.join(FIXTURES, family)
        # Not AutoProcessor's, which resamples with torchvision whatever the checkpoint says.
        processor = make_processor(family, make_tokenizer())
        cases, numbers = [], {}
        plans = [(loss_type, unbiased, None, False) for loss_type in loss_types for unbiased in (False, True)]
        if family == "qwen2-vl":
            plans += [(loss_type, unbiased, None, True) for loss_type in ("grpo", "cispo") for unbiased in (False, True)]
        if family == "qwen2.5-vl":
            plans.append(("dapo", False, OFF_POLICY_THRESHOLD, False))
        for loss_type, unbiased, threshold, keeps_mask in plans:
            loss, gradients, kept = compute(folder, processor, loss_type, unbiased, threshold, keeps_mask)
            marks = [("unbiasedKl", unbiased), ("offPolicyMask", threshold is not None), ("keepSamplingMask", keeps_mask)]
            key = "+".join([loss_type, *(name for name, holds in marks if holds)])
            changes = {"lossType": loss_type, "unbiasedKl": unbiased, "offPolicyThreshold": threshold or 0, "keepSamplingMask": keeps_mask}
            cases.append({"key": key, **changes, "loss": loss})
            for name, gradient in gradients.items():
                numbers[f"{key}.{name}"] = gradient.flatten()[::GRADIENT_STEP].clone()
                numbers[f"{key}.{name}.norm"] = gradient.norm().reshape(1)
        expected = {
            "versions": {"trl": trl.__version__, "transformers": transformers.__version__, "torch": torch.__version__},
            "prompts": GRPO,
            "samplingScale": SAMPLING_SCALE,
            "referenceScale": REFERENCE_SCALE,
            "beta": BETA,
            "epsilon": EPSILON,
            "cispoBound": CISPO_BOUND,
            "maxNewTokens": MAX_COMPLETION,
            "gradientStep": GRADIENT_STEP,
            "kept": kept if family == "qwen2-vl" else [],
            "cases": cases,
        }
        json.dump(expected, open(os.path.join(folder, "grpo.json"), "w"), indent=1)
        save_file(numbers, os.path.join(folder, "grpo.safetensors"))


if __name__ == "__main__":
    main()
