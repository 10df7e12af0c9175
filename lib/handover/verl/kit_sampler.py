"""The sampler of verl's steps, which ends the run where rewards are not known.

verl itself goes on with what is left of a group when one of its completions has failed, also where it is the reward that failed.
"""
from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer


class WholeGroups(ReplayBuffer):
    def __init__(self, *, sampler_kwargs, **options):
        # verl leaves it to samplers from outside to hand on what filtering dead groups needs.
        if sampler_kwargs["filter_dead_groups"]:
            options.update(filter_groups_metric="reward", train_batch_size=sampler_kwargs["prompts"], gen_batch_size=1)
        super().__init__(sampler_kwargs=sampler_kwargs, **options)

    def _terminal_eviction_reasons(self, global_steps, partition_id):
        failed = len(self.failure_keys[partition_id])
        if failed > 0:
            raise RuntimeError(
                f"{failed} groups of this step have failed; the log above says why (RewardServerError: the rewards are not known). The step "
                "ends before its update. Mend it, then start the same command again: it goes on from the newest checkpoint"
            )
        return super()._terminal_eviction_reasons(global_steps, partition_id)
