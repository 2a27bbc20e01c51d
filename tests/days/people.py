"""Who uses the cluster: pods with GPUs come, work and go, by dice of their own.

Each pod says in annotations what nobody but its day needs: how busy it keeps its GPUs, and how long it takes to stop.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

from localcloud.kubernetes import ClusterApi

Json = dict[str, Any]

RUN = "localcloud.poolwright.dev/run-seconds"
STOP = "localcloud.poolwright.dev/stop-seconds"
DUTY_CYCLE = "localcloud.poolwright.dev/duty-cycle"
SAFE_TO_EVICT = "cluster-autoscaler.kubernetes.io/safe-to-evict"
POOL = "cloud.google.com/gke-nodepool"
GPU = "nvidia.com/gpu"
MINUTE = 60.0
TIDE_SECONDS, QUIETER = 2 * 3600.0, 6  # for two hours many come, for the next two a sixth of them


@dataclass
class People:
    """They act at `step`. `every`: seconds between two arrivals in a busy hour, in the mean."""

    dice: random.Random
    every: float = 300.0
    _next: float = 0.0
    _leave: list[tuple[float, str]] = field(default_factory=list)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def step(self, api: ClusterApi, now: float) -> None:
        """Whoever is due comes or goes."""
        self._next = self._next or now
        while self._next <= now:
            quiet = now % (2 * TIDE_SECONDS) > TIDE_SECONDS
            self._next += self.dice.expovariate(1 / (self.every * (QUIETER if quiet else 1)))
            self._come(api, now)
        for due, name in list(self._leave):
            if due <= now:
                self._leave.remove((due, name))
                api.delete("deployments.apps", name, "default")
                api.delete("poddisruptionbudgets.policy", name, "default")

    def _come(self, api: ClusterApi, now: float) -> None:
        who = self.dice.choices(("job", "service", "bare", "web"), (6, 2, 1, 1))[0]
        name = f"{who}-{next(self._numbers)}"
        template = self._pod(name, gpus=0 if who == "web" else self.dice.choices((1, 2, 4, 8), (5, 4, 3, 2))[0])
        if who == "job":
            template["spec"]["restartPolicy"] = "Never"
            spec = {"backoffLimit": 100, "ttlSecondsAfterFinished": 60, "template": template}
            api.create("jobs.batch", {"metadata": {"name": name}, "spec": spec}, "default")
        elif who == "bare":
            template["spec"]["restartPolicy"] = "Never"
            template["metadata"]["name"] = name
            api.create("pods", template, "default")
        else:
            self._serve(api, name, template, until=now + self.dice.uniform(40, 180) * MINUTE)

    def _serve(self, api: ClusterApi, name: str, template: Json, *, until: float) -> None:
        """A deployment with a budget, until some time."""
        del template["metadata"]["annotations"][RUN]
        labels, replicas = {"app": name}, self.dice.randint(1, 3)
        spec: Json = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        api.create("deployments.apps", {"metadata": {"name": name}, "spec": spec}, "default")
        kept = self.dice.choice(({"minAvailable": replicas}, {"minAvailable": 1}, {"maxUnavailable": 1}))
        budget = {"metadata": {"name": name}, "spec": {**kept, "selector": {"matchLabels": labels}}}
        api.create("poddisruptionbudgets.policy", budget, "default")
        self._leave.append((until, name))

    def _pod(self, name: str, *, gpus: int) -> Json:
        dice = self.dice
        annotations = {DUTY_CYCLE: str(dice.choice((5, 30, 60, 95))), RUN: str(int(dice.uniform(5, 60) * MINUTE))}
        container: Json = {"name": "main", "image": "us-docker.pkg.dev/days/serving/model:1"}
        spec: Json = {"containers": [container], "tolerations": [{"key": GPU, "operator": "Exists"}]}
        if gpus:
            container["resources"] = {"limits": {GPU: str(gpus)}}
            spec["nodeSelector"] = {POOL: "small" if gpus <= 2 else "large"}
        if dice.random() < 0.25:
            annotations[SAFE_TO_EVICT] = "false"
        if dice.random() < 0.25:
            spec["volumes"] = [{"name": "scratch", "emptyDir": {}}]
        if dice.random() < 0.3:
            spec["terminationGracePeriodSeconds"] = dice.choice((120, 600))
            annotations[STOP] = "100000"  # it takes all the time it is given
        return {"metadata": {"labels": {"app": name}, "annotations": annotations}, "spec": spec}
