"""No secret is in anything that poolwright writes or shows: canaries stand in every secret key of GKE's kube-env, in
the environment's own substitutions and in the URL of its webhook, and then all that goes out is searched, also what is
only there for a moment.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from localcloud.gke import kube_env
from poolwright.cli import plan as plan_command
from poolwright.cli import rollout_view
from poolwright.cli import status as status_command
from poolwright.services import boot_images, node_pools, plan_groups, rollout_seen, status
from tests.chaos.flows.world import (
    CLUSTER,
    GKE,
    L4,
    MANAGER,
    command,
    image,
    phase,
    rollout,
    runs,
    stored,
    table,
    upgrade,
)
from tests.chaos.harness import Flow, Json
from tests.contract.adapters.conftest import Canned
from tests.contract.adapters.conftest import canned as canned
from tests.end_to_end.test_secrets import _shaped, leaks
from tests.services.conftest import Begin
from tests.services.test_refusals_seen import printed

SMOKE = "us-docker.pkg.dev/chaos/smoke@sha256:" + "5" * 64
VARIABLE = "CHAOS_WEBHOOK"
HOOK = "/services/T0/B0/c4n4ry-of-the-webhook"
# Beside what the stand-in's kube-env has: what the design names and GKE has in some versions only.
ALSO = ("CA_CERT_BUNDLE", "TPM_BOOTSTRAP_KEY", "TPM_BOOTSTRAP_CERT", "KUBELET_BEARER_TOKEN", "KUBE_BEARER_TOKEN")
OF_THE_DESIGN = {"KUBELET_KEY", "KUBELET_CERT", "KONNECTIVITY_AGENT_CLIENT_KEY", "KUBE_PROXY_TOKEN", *ALSO}
OURS = {"POOLWRIGHT_TOKEN": "c4n4ry-of-a-substitution-4f0e"}
METADATA = {"greeting": "c4n4ry-of-our-metadata"}
SAID: Json = {
    "notifications": {"webhookVariable": VARIABLE},
    "substitutions": {"kubeEnv": {"set": OURS}, "metadata": METADATA},
    "sourceImage": {
        "onChange": "rebuild",
        "referencePool": {
            "cluster": "serving", "machineType": "g2-standard-12", "accelerator": "nvidia-l4", "zone": "us-central1-a",
        },
    },
    "build": {"source": "gs://chaos/packer.tar.gz", "zone": "us-central1-a", "containers": [SMOKE]},
}  # fmt: skip


class Heard:
    """All that went out so far, with where it went."""

    def __init__(self, flow: Flow, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flow = flow
        self.written: list[tuple[str, bytes]] = []
        self._listen(monkeypatch, flow.ports.store, "put", lambda collection, key, body, **_: (collection, body))
        self._listen(monkeypatch, flow, "take", lambda name, message: (f"message for {name}", message))
        self._listen(
            monkeypatch, flow.ports.publisher, "publish", lambda topic, data, *_, **__: (topic, json.loads(data))
        )

    def _listen(
        self, monkeypatch: pytest.MonkeyPatch, where: object, method: str, said: Callable[..., tuple[str, Any]]
    ) -> None:
        act = getattr(where, method)

        def both(*args: Any, **kwargs: Any) -> Any:
            self.say(*said(*args, **kwargs))
            return act(*args, **kwargs)

        monkeypatch.setattr(where, method, both)

    def say(self, place: str, what: Any) -> None:
        self.written.append((place, json.dumps(what).encode() if not isinstance(what, str) else what.encode()))

    @property
    def places(self) -> set[str]:
        return {place for place, _ in self.written}

    def screens(self) -> None:
        """What the command line shows, to people and to programs."""
        (environment,) = self.flow.ports.environments
        planned = plan_groups.plan(self.flow.ports, environment, run_id=1)
        seen = status.read(self.flow.ports, environment)
        under_way = rollout_seen.of(self.flow.ports, environment, run_id=1)
        self.say("plan", printed(plan_command.rendered(planned)))
        self.say("status", printed(status_command._environment(seen)))
        self.say("rollout", printed(rollout_view.rendered(under_way, whole=True)))
        pools, images = (each(self.flow.ports, environment) for each in (node_pools.listed, boot_images.listed))
        for each in (planned, seen, under_way, pools, images):
            self.say("json", msgspec.json.encode(each).decode())

    def jobs(self) -> list[Json]:
        found: list[Json] = self.flow.there(lambda: self.flow.kubernetes(CLUSTER).list("jobs.batch"))
        if found:
            self.say("jobs", found)
        return found


def plant(flow: Flow) -> dict[str, str]:
    """Canaries in all templates of GKE's, and in those that it will issue."""
    kept = table(flow, "gke.secrets")
    names = {key for values in kept.values() for key in values} | set(ALSO)
    canaries = {key: f"c4n4ry-{key.lower().replace('_', '-')}-{number:06x}" for number, key in enumerate(sorted(names))}
    for path, values in kept.items():
        kept[path] = {key: _shaped(text, canaries[key]) for key, text in values.items()}
    for template in table(flow, "compute.instanceTemplates").values():
        (item,) = (each for each in template["properties"]["metadata"]["items"] if each["key"] == "kube-env")
        values = kube_env.read(item["value"])
        changed = {key: _shaped(text, canaries[key]) for key, text in values.items() if key in canaries}
        item["value"] = kube_env.render(values | {key: canaries[key] for key in ALSO} | changed)
    return canaries


def ours(flow: Flow) -> Iterator[bytes]:
    """The kube-envs of our templates."""
    for template in table(flow, "compute.instanceTemplates").values():
        if "-pw-" in template["name"]:
            yield json.dumps(template["properties"]["metadata"]).encode()


def test_canaries_are_in_nothing_that_goes_out(
    begin: Begin,
    canned: Canned,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    flow = begin("smoking", **SAID)
    monkeypatch.setenv(VARIABLE, canned.url + HOOK)
    canned.tell("POST", HOOK, (500, b"c4n4ry-of-the-webhook is away"), (200, b"ok"))
    caplog.set_level(logging.DEBUG)
    heard = Heard(flow, monkeypatch)
    canaries = plant(flow)
    assert canaries.keys() >= OF_THE_DESIGN
    image(flow, run_id=1)
    command(flow, "start")
    flow.until(lambda: bool(heard.jobs()), what="a smoke Job")
    heard.screens()
    flow.until(lambda: phase(flow, 1) == "done", what="the end of the rollout")
    flow.ask(GKE, f"{MANAGER}.SetNodePoolSize", name=str(L4), nodeCount=1)
    flow.pass_time(900)
    flow.ask(GKE, f"{MANAGER}.UpdateNodePool", name=str(L4), labels={"labels": {"team": "chaos"}})
    flow.pass_time(900)
    heard.screens()
    upgrade(flow, of_the_master=900)
    flow.until(lambda: rollout(flow, 2) != {}, what="a rebuild", minutes=120)
    heard.screens()
    command(flow, "rollback")
    flow.until(lambda: runs(flow, L4) == {None}, what="GKE's own template", minutes=120)
    heard.screens()

    travelled = canaries | OURS | METADATA
    found = {each.partition(" ")[0] for text in ours(flow) for each in leaks([("there", text)], travelled)}
    assert found == travelled.keys(), "the search would find them"
    expected = {"intents", "rollouts", "targets", "drift", "refusals", "runs", "records", "environments", "jobs"}
    assert heard.places >= expected | {"message for notify", "plan", "status"}
    assert any("facts" in text.decode() for place, text in heard.written if place == "rollouts")
    assert any('"operation"' in text.decode() for place, text in heard.written if place == "intents")
    assert len(canned.asked) > 10
    for asked in canned.asked:
        heard.say("webhook", asked.body)
    heard.say("builds", list(table(flow, "cloudBuild.builds").values()))
    out, err = capfd.readouterr()
    heard.written += [("log", f"{caplog.text}{out}{err}".encode())]
    assert leaks(heard.written, travelled | {"webhook": HOOK.rpartition("/")[2]}) == []
    assert stored(flow, "records")
