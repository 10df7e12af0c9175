"""What both phases share: the configuration, the model, the share of each device, and the end of a run."""
import importlib.util
import json
import os
from pathlib import Path

import torch
from transformers import AutoProcessor, TrainerCallback

HERE = Path(__file__).resolve().parent


def read_config(phase):
    with open(HERE / "config" / f"{phase}.json") as file:
        return json.load(file)


def world_size():
    """The number of processes, one for each GPU, that accelerate has started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def share(update, most, what):
    """How the examples of an update are shared: (those of one device at once, how many such micro-batches in a row).

    update  examples of one optimizer update, on all devices together
    most    those that a device takes at once at most
    """
    world = world_size()
    if update % world != 0:
        fits = [n for n in range(1, update + 1) if update % n == 0]
        raise SystemExit(f"an update has {update} {what}, which {world} processes cannot share evenly; take one of {fits} GPUs")
    own = update // world
    at_once = max(n for n in range(1, own + 1) if own % n == 0 and n <= max(1, most))
    return at_once, own // at_once


def start_of(config, asked):
    """The start of a phase: (folder or id, revision). `asked` names another folder."""
    if asked is not None:
        return asked, None
    model = config["model"]
    return (str(HERE / model["folder"]), None) if "folder" in model else (model["repo"], model["revision"])


def load_processor(start, revision, pixels):
    processor = AutoProcessor.from_pretrained(start, revision=revision, padding_side="left", truncation_side="left")
    for option, side in (("min_pixels", "shortest_edge"), ("max_pixels", "longest_edge")):
        if option in pixels:
            processor.image_processor.size[side] = pixels[option]
    return processor


def trainer_options(config, output, start_revision):
    """The options that both configurations share and that depend on this machine."""
    bfloat16 = config["precision"] == "bfloat16"
    weights = "bfloat16" if bfloat16 and config["lora"] else "float32"
    return {
        **config["options"],
        "output_dir": str(output),
        "bf16": bfloat16,
        # transformers refuses bfloat16 on a CPU unless it is told that a CPU is meant.
        "use_cpu": not torch.accelerator.is_available(),
        # Weights that train are float32. Below adapters they may stay as the checkpoint has them.
        "model_init_kwargs": {"dtype": weights, **({"revision": start_revision} if start_revision else {})},
        "report_to": ["tensorboard"] if importlib.util.find_spec("tensorboard") else "none",
    }


def lora_config(config):
    if config["lora"] is None:
        return None
    from peft import LoraConfig

    return LoraConfig(**config["lora"])


def freeze_vision(model):
    """The vision tower and its merger stay as they are."""
    frozen = [parameter for name, parameter in model.named_parameters() if ".visual." in f".{name}"]
    if not frozen:
        raise SystemExit("freeze_vision is set, and the model has no part named 'visual'")
    for parameter in frozen:
        parameter.requires_grad_(False)


def hold_rate(trainer, updates):
    """The learning rate stays the same over all updates of a rollout: TRL's schedules count updates, the kit's count rollouts."""
    create = trainer.create_scheduler

    def create_scheduler(num_training_steps, optimizer=None):
        scheduler = create(num_training_steps, optimizer)
        scheduler.lr_lambdas = [lambda step, rate=rate: rate(step // updates * updates) for rate in scheduler.lr_lambdas]
        return scheduler

    trainer.create_scheduler = create_scheduler


class StopAfter(TrainerCallback):
    """Ends the run early, with the learning rate of the whole run."""

    def __init__(self, steps):
        self.steps = steps

    def on_step_end(self, args, state, control, **kwargs):
        control.should_training_stop = control.should_training_stop or state.global_step >= self.steps


def finish(trainer, output, config):
    """Writes the checkpoint to final/, a whole one, and the log beside it."""
    trainer.save_state()
    final = str(output / "final")
    if config["lora"] is not None:
        trainer.save_model(str(output / "adapter"))
        if trainer.accelerator.is_main_process:
            # The sum of weight and adapter is rounded once, when it is saved.
            model = trainer.accelerator.unwrap_model(trainer.model).float().merge_and_unload()
            model.to(saved_type(config)).save_pretrained(final)
            trainer.processing_class.save_pretrained(final)
    else:
        if not trainer.is_deepspeed_enabled:
            trainer.model.to(saved_type(config))
        trainer.save_model(final)
    trainer.accelerator.wait_for_everyone()
    if trainer.accelerator.is_main_process:
        print(f"the checkpoint lies in {final}, the log in {output / 'trainer_state.json'}")


def saved_type(config):
    return torch.bfloat16 if config["precision"] == "bfloat16" else torch.float32
