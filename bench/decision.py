"""In a process of its own: `python -m bench.decision FOLDER (parse | decide)` reads a cluster that `bench.big_cluster`
wrote, and says in JSON how long it took (processor seconds) and how large it grew (MB).

`parse` only turns each page into Python's objects and lets it go. `decide` is what poolwright does: it decodes what the
adapter of Kubernetes gets, observes, and decides.
"""

from __future__ import annotations

import base64
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

from bench import big_cluster as big

Json = dict[str, Any]


def main() -> None:
    folder = Path(sys.argv[1])
    work: Callable[[Path], str] = parse if sys.argv[2] == "parse" else decide
    prepared = _decider(folder) if work is decide else None
    before, start = _megabytes(), time.process_time()
    said = prepared() if prepared else work(folder)
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "megabytes": _megabytes(), "before": before, "said": said}))


def parse(folder: Path) -> str:
    """Every page through the standard library's JSON, one after the other."""
    pages = [path for kind in ("nodes", "pods", "members") for path in folder.glob(f"{kind}-*.json")]
    found = sum(len(json.loads(path.read_bytes())) for path in pages)
    return f"{len(pages)} pages, {found}"


def decide(folder: Path) -> str:
    """One decision."""
    return _decider(folder)()


def _decider(folder: Path) -> Callable[[], str]:
    """All that is imported and made before a step begins, as in a function that is warm."""
    from poolwright.adapters.gke import ControlPlane
    from poolwright.adapters.kubernetes import KubernetesApi
    from poolwright.adapters.sqlite_store import SqliteStore
    from poolwright.capacity import decision
    from poolwright.capacity.provisioner import decode
    from poolwright.environments import ClusterPlace, Environment
    from poolwright.references import ClusterRef, GroupRef, PoolRef
    from poolwright.services import observe_provisioner
    from poolwright.services.memory import Memory
    from poolwright.services.ports import Cluster, Listed, NodePool
    from poolwright.services.state import States

    ref = ClusterRef(big.PROJECT, "us-central1", big.CLUSTER)
    refs = [GroupRef(big.PROJECT, big.ZONE, big.group_name(number)) for number in range(big.GROUPS)]
    pool = NodePool(
        ref=PoolRef(ref, big.POOL), status="RUNNING", version="1.33.5-gke.1308000", machine_type="a3-highgpu-8g",
        accelerators=("nvidia-h100-80gb",), gpus_per_node=big.GPUS, labels={}, autoscaling=False, groups=tuple(refs),
    )  # fmt: skip
    cluster = Cluster(ref=ref, uid="uid", status="RUNNING", autopilot=False, pools=(pool,))
    place = ClusterPlace(name=big.CLUSTER, location="us-central1")
    environment = Environment(
        name="bench", project=big.PROJECT, clusters=(place,),
        build_service_account=f"image-builder@{big.PROJECT}.iam.gserviceaccount.com", mode="act",
    )  # fmt: skip
    spec = {
        "existingInstanceGroupNames": [each.name for each in refs], "minGPUUtilizationPercent": 40,
        "maxGPUUtilizationPercent": 90, "minUnutilizedGPUNodes": 2, "maxNodes": 6000,
    }  # fmt: skip
    provisioner = decode({"metadata": {"name": "bench"}, "spec": spec})
    compute = SimpleNamespace(
        members=lambda group: json.loads((folder / f"members-{refs.index(group)}.json").read_bytes()),
        group=lambda group: {
            "targetSize": len(json.loads((folder / f"members-{refs.index(group)}.json").read_bytes()))
        },
        reservations=lambda project: Listed(()),
    )
    cycles = {big.node_name(number): 60.0 for number in range(20_000)}
    ports: Any = SimpleNamespace(
        store=SqliteStore(Path(tempfile.mkdtemp()) / "store.db"),
        compute=compute,
        clock=SimpleNamespace(now=lambda: big.NOW),
        monitoring=SimpleNamespace(duty_cycle=lambda *_, **__: cycles),
    )
    kubernetes = KubernetesApi.__new__(KubernetesApi)
    plane = ControlPlane("http://bench", base64.b64encode(b"").decode())
    kubernetes.__dict__.update(
        _url=plane.url, _token=lambda: "", _unreachable=lambda: None, _client=SimpleNamespace(call_api=_Pages(folder))
    )

    def once() -> str:
        sight = observe_provisioner.observe(
            ports, environment, cluster, kubernetes, provisioner, key="bench", memory=Memory(), states=States()
        )
        found = decision.decide(provisioner.spec, sight.seen, grown_at=0.0, shrunk_at=0.0, now=big.NOW, at_once=1)
        return f"{type(found).__name__}: {found.reason}"

    return once


class _Pages:
    """Answers as the client of a control plane that sends the pages of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, method: str, url: str, *_: Any, **__: Any) -> Any:
        found = urlsplit(url)
        number = parse_qs(found.query).get("continue", ["0"])[0]
        path = self._folder / f"{found.path.rpartition('/')[2]}-{number}.json"
        return SimpleNamespace(status=200, read=path.read_bytes)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
