"""Stage 1: supervised fine-tuning with TRL's SFTTrainer, as config/sft.json says. The loss is on the completions alone."""
import argparse
from pathlib import Path

import common
from datasets import load_dataset
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--out", type=Path, default=common.HERE / "out" / "sft", help="the folder of the run")
parser.add_argument("--stop-after", type=int, help="end after so many updates")
parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run")


class UpToTheEnd(DataCollatorForVisionLanguageModeling):
    """Trains each completion up to the token that ends it, and not on what the chat template writes after it."""

    def torch_call(self, examples):
        batch = super().torch_call(examples)
        labels = batch["labels"]
        end = self.processor.tokenizer.eos_token_id
        after = (labels == end).int().cumsum(dim=1) - (labels == end).int() > 0
        batch["labels"] = labels.masked_fill(after, -100)
        return batch


def main():
    arguments = parser.parse_args()
    config = common.read_config("sft")
    start, revision = common.start_of(config, None)
    at_once, accumulated = common.share(config["batch_size"], config["examples_at_once"], "examples")
    options = SFTConfig(
        **common.trainer_options(config, arguments.out, revision),
        per_device_train_batch_size=at_once,
        gradient_accumulation_steps=accumulated,
        dataloader_drop_last=True,
    )
    processor = common.load_processor(start, revision, config["pixels"])
    rows = load_dataset("parquet", data_files=str(common.HERE / "data" / "sft.parquet"), split="train")
    trainer = SFTTrainer(
        model=start,
        args=options,
        train_dataset=rows.select_columns(["prompt", "completion", "images"]),
        processing_class=processor,
        data_collator=UpToTheEnd(processor, completion_only_loss=True),
        peft_config=common.lora_config(config),
        callbacks=[common.StopAfter(arguments.stop_after)] if arguments.stop_after else None,
    )
    if config["freeze_vision"]:
        common.freeze_vision(trainer.model)
    trainer.train(resume_from_checkpoint=arguments.resume)
    common.finish(trainer, arguments.out, config)


if __name__ == "__main__":
    main()
