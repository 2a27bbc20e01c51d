"""What services found, made by hand: as large, or as hostile, as a test wants it."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser

from poolwright.services import overview
from poolwright.services.overview import ClusterSeen, EnvironmentSeen, GroupSeen, Overview, PoolSeen
from poolwright.services.status import NotOn, OldNodes

AS_OF = 1_763_723_600.0
HOSTILE = {
    "markup": "<script>alert(1)</script>",
    "an attribute": '"><img src=x onerror=alert(1)>',
    "single quotes": "' onmouseover='alert(1)",
    "a template": "{{ 7 * 7 }}{% raw %}",
    "an address": "javascript:alert(1)//",
    "the end of a comment": "--><svg onload=alert(1)>",
    "another direction": "l4\u202egpj.exe\u2066\u2069\u200f",
    "nothing to see": "l\u200b4\x00\x1b[31m\ufeff",
    "pictures": "🚀👩‍👩‍👧 génération ﷽",
    "63 characters": "n" * 63,
}


class Parsed(HTMLParser):
    """A page as a browser reads it: its elements with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def group(name: str = "gke-serving-l4-0a1b2c3d-grp", *, state: str = "right", zone: str = "us-central1-a") -> GroupSeen:
    return GroupSeen(group=name, zone=zone, nodes=3, run_id=42, state=state, old_nodes=0)


def pool(name: str, groups: Sequence[GroupSeen]) -> PoolSeen:
    return PoolSeen(
        pool=name, status="RUNNING", version="1.33.5-gke.1080000", machine_type="a3-highgpu-8g",
        accelerators=("nvidia-h100-80gb",), gpus_per_node=8, spot=False, autoscaling=False, left_alone="",
        groups=tuple(groups),
    )  # fmt: skip


def fleet(
    pools: Sequence[PoolSeen], *, name: str = "production", cluster: str = "serving", reason: str = ""
) -> Overview:
    """One environment of one cluster; with a reason, of one that says nothing too."""
    seen = ClusterSeen(
        cluster=cluster, location="us-central1", known="known", reason="", status="RUNNING", state=None,
        pools=tuple(pools), other_pools=1,
    )  # fmt: skip
    silent = ClusterSeen(
        cluster=cluster, location="us-east4", known="unknown", reason=reason, status="", state=None, pools=(),
        other_pools=0,
    )  # fmt: skip
    groups = [each.group for one in pools for each in one.groups]
    environment = EnvironmentSeen(
        environment=name, project="acme-gpu", mode="act", released_run_id=42, released_image="poolwright-production-42",
        pinned_run_id=None, obstacles=(), on=(), unknown=0, under_way=(),
        clusters=(seen, silent) if reason else (seen,),
        not_on=tuple(
            NotOn(group=each, zone="us-central1-a", cluster=cluster, pool="p", kind="held", reason=f"{name}: {each}")
            for each in groups
            if reason
        ),
        old_nodes=tuple(OldNodes(group=each, nodes=2, since=AS_OF - 7200) for each in groups if reason),
    )  # fmt: skip
    return overview.Overview(as_of=AS_OF, stopped="", environments=(environment,))
