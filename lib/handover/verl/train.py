"""Starts verl's GRPO, as config/grpo.json says. Further arguments are options of verl, such as trainer.save_freq=50."""
import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUT = HERE / "out" / "grpo"

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--gpus", type=int, default=1, help="GPUs of each node")
parser.add_argument("--nodes", type=int, default=1, help="nodes of the Ray cluster")
parser.add_argument("--start", help="the checkpoint to begin with (default: what stage 1 made, or the model that was handed over)")
parser.add_argument("--print", action="store_true", help="print verl's options, one a line, and train nothing")


def start_of(config, asked):
    if asked is None and config["stage_one"]:
        asked = HERE / "stage-one" / "out" / "sft" / "final"
        if not asked.exists():
            raise SystemExit(f"{asked} is not there: train stage 1 first (sh launch/one-gpu.sh sft), or name another checkpoint with --start")
    if asked is not None:
        return str(Path(asked).resolve())
    folder = HERE / "model"
    if not folder.exists():
        model = config["model"]
        raise SystemExit(f"{folder} is not there; fetch it: hf download {model['repo']} --revision {model['revision']} --local-dir {folder}")
    return str(folder)


def shares(config, devices):
    """Completions that a device takes at once: as many as divide its share of an update, and no more than asked for."""
    update = config["completions_per_update"]
    if update % devices != 0:
        fits = [n for n in range(1, update + 1) if update % n == 0]
        raise SystemExit(f"an update has {update} completions, which {devices} GPUs cannot share evenly; take one of {fits} GPUs")
    own = update // devices
    return max(n for n in range(1, own + 1) if own % n == 0 and n <= max(1, config["completions_at_once"]))


def options_of(config, arguments):
    at_once = shares(config, arguments.gpus * arguments.nodes)
    log = OUT / f"log-{time.strftime('%Y%m%d-%H%M%S')}.jsonl"
    variables = {"VERL_FILE_LOGGER_PATH": str(log), "TENSORBOARD_DIR": str(OUT / "tensorboard")}
    return {
        **config["options"],
        "actor_rollout_ref.model.path": start_of(config, arguments.start),
        "data.train_files": str(HERE / "data" / "train.parquet"),
        "data.val_files": str(HERE / "data" / ("held-out.parquet" if config["held_out"] else "train.parquet")),
        "reward.reward_manager.source": "importlib",
        "reward.reward_manager.name": "KitRewardManager",
        "reward.reward_manager.module.path": str(HERE / "kit_rewards.py"),
        "trainer.v1.sampler.custom_sampler.path": str(HERE / "kit_sampler.py"),
        "trainer.v1.sampler.custom_sampler.name": "WholeGroups",
        "trainer.default_local_dir": str(OUT),
        "hydra.run.dir": str(OUT / "hydra"),
        "trainer.rollout_data_dir": str(OUT / "completions"),
        "trainer.n_gpus_per_node": arguments.gpus,
        "trainer.nnodes": arguments.nodes,
        "actor_rollout_ref.actor.ppo_micro_batch_size_per_gpu": at_once,
        "actor_rollout_ref.rollout.log_prob_micro_batch_size_per_gpu": at_once,
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": at_once,
        **{f"+ray_kwargs.ray_init.runtime_env.env_vars.{name}": value for name, value in variables.items()},
    }


def override(name, value):
    """An option as Hydra reads it; JSON's texts, numbers, lists and null are also Hydra's."""
    return f"{name}={json.dumps(value, ensure_ascii=False)}"


def merge_checkpoint():
    """The newest checkpoint as files of Hugging Face, in out/grpo/final."""
    step = (OUT / "latest_checkpointed_iteration.txt").read_text().strip()
    folder = OUT / f"global_step_{step}"
    merge = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    subprocess.run([*merge, "--local_dir", str(folder / "actor"), "--target_dir", str(folder / "final")], check=True)
    final = OUT / "final"
    if final.is_symlink():
        final.unlink()
    final.symlink_to(Path(folder.name) / "final", target_is_directory=True)
    print(f"the checkpoint lies in {final}")


def main():
    arguments, own = parser.parse_known_args()
    with open(HERE / "config" / "grpo.json") as file:
        config = json.load(file)
    options = [override(name, value) for name, value in options_of(config, arguments).items()] + own
    if arguments.print:
        print("\n".join(options))
        return
    sys.path.insert(0, str(HERE))
    from reward_client import RewardServer

    # Before anything is loaded: a server that is not there is better known now.
    RewardServer({reward["name"]: reward["weight"] for reward in config["rewards"]}).check()
    OUT.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-m", "verl.trainer.main_ppo", *options], check=True, env=os.environ)
    merge_checkpoint()


if __name__ == "__main__":
    main()
