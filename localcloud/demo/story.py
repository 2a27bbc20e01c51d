"""The acts. Each does what a person or a workload would, waits for what poolwright makes of it, and asks the API."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from localcloud.demo.chat import Chat
from localcloud.demo.cloud import Cloud
from localcloud.demo.environment import NAME
from localcloud.demo.screen import Screen
from localcloud.plan import Plan
from poolwright.boot_images.mutation import run_id_of
from poolwright.environments import Environment
from poolwright.references import GroupRef, PoolRef, last_part
from poolwright.services.ports import Json, Ports

PATIENCE_SECONDS = 100.0  # a group that was in other hands is asked for again after 50 s of the functions' own time
LOOK_SECONDS = 0.25
PAUSE_SECONDS = 4.0  # longer than a wave takes that nobody pauses
BUSY_PERCENT = 95
GKES_OWN = "GKE's own template"
# Subscriptions whose messages leave a record of having been heard; without `step` and `tick` nothing moves at all.
HEARD = ("image-built", "node-pool-audit", "node-pool-notification", "gpu-alert", "rollout-command")


class TooLong(Exception):
    """An act did not come to its end; the text says what it waited for."""


@dataclass
class Story:
    """The world that is played, the cloud as users see it, and poolwright's own store for the timeline.

    `patience`: seconds that any one thing may take."""

    world: Plan
    environment: Environment
    cloud: Cloud
    ports: Ports
    screen: Screen
    chat: Chat
    patience: float = PATIENCE_SECONDS
    _told: set[str] = field(default_factory=set)

    def play(self) -> None:
        """All acts. TooLong."""
        self.a_boot_image_goes_out()
        self.a_new_pool_is_mutated_at_birth()
        self.load_comes_and_goes()
        self.an_upgrade_moves_the_base_image()
        self.a_rollout_is_paused_resumed_and_rolled_back()
        self.everybody_was_heard()

    def a_boot_image_goes_out(self) -> None:
        """Build -> image -> canary -> waves."""
        with self.screen.act(1, "A boot image is built, proved on a canary node and rolled out in waves"):
            build = self._build(1)
            self._until("the rollout of run 1", lambda: self._rollout(1).get("phase") == "done")
            self.screen.check(f"build {build[:8]}", expected="SUCCESS", found=self.cloud.build_status(build))
            for pool, group in self._groups():
                self._check(pool, group, run_id=1 if self._fits(pool, group) else None)

    def a_new_pool_is_mutated_at_birth(self) -> None:
        """A finished CreateNodePool -> its groups are on our image before the first node boots."""
        with self.screen.act(2, "A new node pool is on the boot image before its first node"):
            model = self._ours()
            fresh = PoolRef(model.cluster, f"{model.name}-new")
            self.cloud.create_pool(fresh, like=model)
            self.screen.happened(f"gcloud container node-pools create {fresh.name} --num-nodes 0", by_us=True)
            self._until(f"node pool {fresh.name}", lambda: self._all_on(self.cloud.pools().get(fresh, ()), 1))
            for group in self.cloud.pools()[fresh]:
                self._check(fresh, group, run_id=1)

    def load_comes_and_goes(self) -> None:
        """Load up -> nodes arrive; load down -> idle nodes are drained and deleted."""
        provisioner = self.world.provisioners[0]
        workload = next(each for each in self.world.workloads if each.cluster == provisioner.cluster)
        name, low, high = provisioner.name, provisioner.spec["minNodes"], provisioner.spec["maxNodes"]
        limit = provisioner.spec["maxGPUUtilizationPercent"]
        with self.screen.act(3, f"Load comes and goes: provisioner {name} keeps up"):
            self.cloud.hurry(provisioner.cluster, name)
            nodes = self._nodes()
            most = max(low, min(high, math.ceil(len(nodes) * BUSY_PERCENT / limit)))
            self.cloud.keep_busy(provisioner.cluster, workload.name, duty_cycle=BUSY_PERCENT)
            self.screen.happened(f"{workload.name} keeps its GPUs {BUSY_PERCENT} % busy", by_us=True)
            self._until(f"{most} GPU nodes, there are {len(nodes)}", lambda: len(self._nodes()) == most)
            self.screen.check(f"{name}: nodes under load", expected=most, found=len(self._nodes()))
            self.cloud.scale(provisioner.cluster, workload.name, replicas=0)
            self.screen.happened(f"kubectl scale deployment {workload.name} --replicas 0", by_us=True)
            self._until(f"{low} GPU nodes, there are {most}", lambda: len(self._nodes()) == low == self._size())
            self.screen.check(f"{name}: nodes when idle", expected=low, found=self._size())
            drained = [
                each
                for each in self._records()
                if each["what"].startswith("drained and deleted") and last_part(each["subject"]) == name
            ]
            self.screen.check(f"{name}: nodes drained, then deleted", expected=most - low, found=len(drained))

    def an_upgrade_moves_the_base_image(self) -> None:
        """GKE upgrades a pool onto another base image: ours does not fit any more, and that is said."""
        with self.screen.act(4, "GKE upgrades a pool: the image no longer fits, and is not forced on it"):
            pool = next(each for each in sorted(self.cloud.pools()) if each.name.endswith("-new"))
            version = self.cloud.newer_version(pool)
            self.cloud.upgrade_control_plane(pool.cluster, version=version)
            self.screen.happened(
                f"gcloud container clusters upgrade {pool.cluster.name} --master to {version}", by_us=True
            )
            self._until("the control plane", lambda: self.cloud.control_plane(pool.cluster) == version)
            self.cloud.upgrade_pool(pool, version=version)
            self.screen.happened(f"gcloud container clusters upgrade --node-pool {pool.name} to {version}", by_us=True)
            groups = self.cloud.pools()[pool]
            self._until("a verdict on the upgraded pool", lambda: {self._refused(each) for each in groups} == {"skew"})
            for group in groups:
                self._check(pool, group, run_id=None)
                self.screen.check(f"{group.name}: why", expected="skew", found=self._refused(group))

    def a_rollout_is_paused_resumed_and_rolled_back(self) -> None:
        """A second image: paused half way, resumed, and taken back by a person."""
        with self.screen.act(5, "A rollout is paused, resumed and rolled back by messages"):
            self._build(2)
            self._until("the rollout of run 2", lambda: bool(self._rollout(2)))
            self._command("pause")
            self._until("the pause", lambda: bool(self._rollout(2)["paused"]))
            wave = self._rollout(2)["wave"]
            self._watch(PAUSE_SECONDS)
            found = f"in wave {self._rollout(2)['wave']} still"
            self.screen.check("rollout of run 2, paused", expected=f"in wave {wave} still", found=found)
            self._command("resume")
            self._until("the end of the rollout", lambda: self._rollout(2)["phase"] == "done")
            fits = [target for target in self._targets(2) if target["state"] == "mutated"]
            on_run_2 = sum(run_id_of(self.cloud.group(GroupRef.parse(each["group"])).template) == 2 for each in fits)
            self.screen.check("groups on run 2, resumed", expected=len(fits), found=on_run_2)
            self._command("rollback")
            self._until("the roll-back", lambda: self._rollout(2)["phase"] == "rolled back")
            for pool, group in self._groups():
                self._check(pool, group, run_id=None)

    def everybody_was_heard(self) -> None:
        """Each way in which the world tells us of itself was used."""
        causes = {last_part(record["cause"].partition(" ")[0]) for record in self._records()}
        for name in HEARD:
            self.screen.check(f"subscription {name}", expected="heard", found="heard" if name in causes else "silent")
        self.screen.check("subscription notify", expected="heard", found="heard" if self.chat.texts else "silent")

    # What is done

    def _build(self, run_id: int) -> str:
        """Submit a build on the base image that GKE issued for the environment's pools."""
        group = self.cloud.pools()[self._ours()][0]
        source = self.cloud.base_image(group)
        version = self.cloud.version(self._ours())
        build = self.cloud.build(run_id=run_id, source_image=source, gke_version=version)
        self.screen.happened(f"gcloud builds submit: boot image, run {run_id}", why=f"on {source}", by_us=True)
        return build

    def _command(self, action: str) -> None:
        self.cloud.command(action)
        self.screen.happened(f"gcloud pubsub topics publish rollout-commands: {action}", by_us=True)

    def _until(self, what: str, done: Callable[[], bool]) -> None:
        """Look until it is so, telling the timeline meanwhile. TooLong."""
        end = time.monotonic() + self.patience
        while not done():
            self._tell()
            if time.monotonic() > end:
                raise TooLong(f"{what} did not come within {self.patience:.0f} s")
            self.screen.waiting(f"waiting for {what}")
            time.sleep(LOOK_SECONDS)
        self._tell()

    def _watch(self, seconds: float) -> None:
        """Let time pass, telling the timeline."""
        end = time.monotonic() + seconds
        self._until(f"{seconds:.0f} s to pass", lambda: time.monotonic() > end)

    def _tell(self) -> None:
        """New records, as lines of the timeline."""
        for record in self._records():
            key = f"{record['at']}{record['subject']}{record['what']}"
            if key not in self._told:
                self._told.add(key)
                self.screen.happened(f"{last_part(record['subject'])}: {record['what']}", why=record["why"])

    # What is seen

    def _check(self, pool: PoolRef, group: GroupRef, *, run_id: int | None) -> None:
        """A row: where the group should be, and where its template says it is."""
        expected = f"run {run_id}, image and kube-env" if run_id else GKES_OWN
        self.screen.check(f"{pool.name} in {group.zone}", expected=expected, found=self._found(group))

    def _found(self, group: GroupRef) -> str:
        seen = self.cloud.group(group)
        run_id = run_id_of(seen.template)
        if run_id is None:
            return GKES_OWN if "poolwright" not in seen.image else f"{seen.template} with {seen.image}"
        changes = self.environment.substitutions.kube_env.set
        right_env = all(f"{key}: {value}" in seen.kube_env for key, value in changes.items())
        right_image = seen.image == f"poolwright-{NAME}-{run_id}"
        return (
            f"run {run_id}, image and kube-env" if right_env and right_image else f"{seen.template} with {seen.image}"
        )

    def _all_on(self, groups: Iterable[GroupRef], run_id: int) -> bool:
        found = [run_id_of(self.cloud.group(each).template) for each in groups]
        return bool(found) and set(found) == {run_id}

    def _groups(self) -> list[tuple[PoolRef, GroupRef]]:
        """The groups of every pool with GPUs."""
        pools = sorted(self.cloud.pools().items())
        return [(pool, group) for pool, groups in pools if self.cloud.accelerators(pool) for group in groups]

    def _ours(self) -> PoolRef:
        """The first pool that the environment does not exclude."""
        return next(pool for pool, _ in self._groups() if not self._excluded(pool))

    def _excluded(self, pool: PoolRef) -> bool:
        config = self.cloud.gke.get_node_pool(name=str(pool)).config
        why = self.environment.exclude.excludes(
            pool=pool.name,
            machine_type=config.machine_type,
            accelerators=self.cloud.accelerators(pool),
            labels=dict(config.labels),
        )
        return why is not None

    def _fits(self, pool: PoolRef, group: GroupRef) -> bool:
        """Whether the environment wants the image there, and GKE's base image is the one it was built on."""
        base = self.cloud.base_image(self.cloud.pools()[self._ours()][0])
        return not self._excluded(pool) and self.cloud.base_image(group) == base

    def _nodes(self) -> dict[str, int]:
        """GPUs of the first provisioner's Ready nodes, by name."""
        provisioner = self.world.provisioners[0]
        return self.cloud.gpu_nodes(provisioner.cluster, pools=provisioner.node_pools)

    def _size(self) -> int:
        """Target size of the first provisioner's groups."""
        provisioner = self.world.provisioners[0]
        mine = [
            group
            for pool, groups in self.cloud.pools().items()
            if pool.cluster.name == provisioner.cluster and pool.name in provisioner.node_pools
            for group in groups
        ]
        return sum(self.cloud.group(each).size for each in mine)

    def _records(self) -> list[Json]:
        return sorted((each.body for each in self.ports.store.all("records")), key=lambda record: record["at"])

    def _rollout(self, run_id: int) -> dict[str, Any]:
        stored = self.ports.store.get("rollouts", f"{NAME}-{run_id}")
        return stored.body if stored else {}

    def _targets(self, run_id: int) -> list[dict[str, Any]]:
        return [target for wave in self._rollout(run_id)["waves"] for target in wave["targets"]]

    def _refused(self, group: GroupRef) -> str:
        stored = self.ports.store.get("refusals", str(group))
        return stored.body["kind"] if stored else ""
