"""Starts ms-swift, as config/sft.json or config/grpo.json says. Further arguments are ms-swift's own, such as --use_vllm true."""
import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("phase", choices=["sft", "grpo"])
parser.add_argument("--gpus", type=int, default=1, help="GPUs of each node; 0 for the CPU")
parser.add_argument("--nodes", type=int, default=1)
parser.add_argument("--start", help="the checkpoint to begin with (default: what stage 1 made, or the model that was handed over)")
parser.add_argument("--out", type=Path, help="the folder of the run (default: out/PHASE)")
parser.add_argument("--resume", action="store_true", help="go on from the newest checkpoint of the run")
parser.add_argument("--print", action="store_true", help="print ms-swift's arguments, one a line, and train nothing")


def start_of(config, asked):
    """The arguments that name the start, and the start itself."""
    if asked is None and config["stage_one"]:
        asked = HERE / "out" / "sft" / "final"
        if not asked.exists():
            raise SystemExit(f"{asked} is not there: train stage 1 first (sh launch/one-gpu.sh sft), or name another checkpoint with --start")
    model = config["model"]
    if asked is None and "folder" not in model:
        return {"model": model["repo"], "model_revision": model["revision"], "use_hf": True}, model["repo"]
    folder = Path(asked).resolve() if asked is not None else HERE / model["folder"]
    with open(folder / "config.json") as file:
        family = json.load(file)["model_type"]
    # Several models of ms-swift share an architecture; the kit's families have the same names there.
    arguments = {"model": str(folder), "model_type": family, "template": family}
    if "You are a helpful assistant." not in chat_template(folder):
        # ms-swift writes this turn before each prompt by itself, and this checkpoint's own template does not.
        arguments["system"] = ""
    return arguments, str(folder)


def chat_template(folder):
    files = ["chat_template.jinja", "chat_template.json", "tokenizer_config.json"]
    return "".join((folder / name).read_text() for name in files if (folder / name).exists())


def shares(config, devices):
    """(examples of one device at once, how many such micro-batches make an update)"""
    update = config["per_update"]
    if update % devices != 0:
        fits = [n for n in range(1, update + 1) if update % n == 0]
        raise SystemExit(f"an update has {update} {config['what']}, which {devices} GPUs cannot share evenly; take one of {fits} GPUs")
    own = update // devices
    at_once = max(n for n in range(1, own + 1) if own % n == 0 and n <= max(1, config["at_once"]))
    return at_once, own // at_once


def options_of(config, arguments, out):
    devices = max(1, arguments.gpus) * arguments.nodes
    at_once, accumulated = shares(config, devices)
    start, folder = start_of(config, arguments.start)
    data = HERE / "data"
    newest = newest_checkpoint(out) if arguments.resume else None
    options = {
        **start,
        **config["options"],
        "dataset": [str(data / config["data"])],
        **({"val_dataset": [str(data / "held-out.parquet")]} if config.get("held_out") else {}),
        "output_dir": str(out),
        "per_device_train_batch_size": at_once,
        "gradient_accumulation_steps": accumulated,
        **({"external_plugins": [str(HERE / "kit_rewards.py")]} if arguments.phase == "grpo" else {}),
        **({"use_cpu": True} if arguments.gpus == 0 else {}),
        **({"deepspeed": "zero3"} if devices > 1 and config["options"]["tuner_type"] == "full" else {}),
        **({"resume_from_checkpoint": str(newest)} if newest else {}),
    }
    return options, folder


def newest_checkpoint(out):
    found = sorted(out.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[-1]))
    found = [folder for folder in found if (folder / "trainer_state.json").exists()]
    return found[-1] if found else None


def words(options):
    """The options as a command line has them. An option without a value keeps ms-swift's own."""
    line = []
    for name, value in options.items():
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        line += [f"--{name}", *(str(one).lower() if isinstance(one, bool) else str(one) for one in values)]
    return line


def environment(config, arguments, folder):
    """One process for each GPU; pictures of the size that was asked for."""
    variables = {**os.environ, "REASON_RFT_START": folder, **config["environment"]}
    variables["CUDA_VISIBLE_DEVICES"] = visible_gpus(arguments.gpus)
    if arguments.gpus * arguments.nodes > 1:
        variables["NPROC_PER_NODE"] = str(arguments.gpus)
    if arguments.nodes > 1:
        for name in ("NODE_RANK", "MASTER_ADDR"):
            if name not in os.environ:
                raise SystemExit(f"{name} is not set")
        variables["NNODES"] = str(arguments.nodes)
        variables.setdefault("MASTER_PORT", "29500")
    return variables


def visible_gpus(count):
    """As many GPUs as there are processes. If a process sees several, ms-swift cuts the model among them and refuses vLLM and DeepSpeed."""
    asked = os.environ.get("CUDA_VISIBLE_DEVICES")
    gpus = [str(number) for number in range(count)] if asked is None or count == 0 else asked.split(",")
    if len(gpus) < count:
        raise SystemExit(f"CUDA_VISIBLE_DEVICES names {len(gpus)} GPUs, and {count} are to train; name as many, or leave it unset")
    return ",".join(gpus[:count])


def finish(config, out, variables):
    """Lets out/PHASE/final be a whole checkpoint."""
    newest, final = newest_checkpoint(out), out / "final"
    if config["options"]["tuner_type"] == "full":
        if final.is_symlink():
            final.unlink()
        final.symlink_to(newest.name, target_is_directory=True)
    else:
        merge = [sys.executable, "-m", "swift.cli.main", "export", "--adapters", str(newest), "--merge_lora", "true", "--output_dir", str(final)]
        subprocess.run(merge, check=True, env={**variables, "NPROC_PER_NODE": "1"})
    print(f"the checkpoint lies in {final}")


def main():
    arguments, own = parser.parse_known_args()
    with open(HERE / "config" / f"{arguments.phase}.json") as file:
        config = json.load(file)
    out = (arguments.out or HERE / "out" / arguments.phase).resolve()
    options, folder = options_of(config, arguments, out)
    line = words(options) + own
    if arguments.print:
        print("\n".join(line))
        return
    if arguments.phase == "grpo":
        sys.path.insert(0, str(HERE))
        from reward_client import RewardServer

        # Before anything is loaded: a server that is not there is better known now.
        RewardServer({reward["name"]: reward["weight"] for reward in config["rewards"]}).check()
    variables = environment(config, arguments, folder)
    command = "rlhf" if arguments.phase == "grpo" else "sft"
    subprocess.run([sys.executable, "-m", "swift.cli.main", command, *line], check=True, env=variables)
    if variables.get("NODE_RANK", "0") == "0":
        finish(config, out, variables)


if __name__ == "__main__":
    main()
