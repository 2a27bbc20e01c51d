"""No secret of a kube-env is ever written: canaries stand in every one of them, everything that can go wrong with them
goes wrong, and then all that poolwright wrote anywhere is searched, plain and in base64.
"""

from __future__ import annotations

import base64
import json
import secrets
import sqlite3
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from localcloud.gke import kube_env
from poolwright.boot_images.mutation import run_id_of
from poolwright.references import GroupRef, PoolRef
from tests.end_to_end.deployed import Deployed, Json, deployed, eventually

pytestmark = pytest.mark.slow

TEMPLATES = "compute.instanceTemplates"
CLUSTER_CA = "CA_CERT"
KEPT_BY_GKE = "gke.secrets"
LATER = "2098-01-01T00:00:00.000-08:00"
NEVER_SHORTER_THAN = 10  # kinds of secrets; fewer would mean that the stand-in's templates are no longer like GKE's


def in_base64(text: str) -> set[str]:
    """What of `text` is seen in base64 (both alphabets), wherever it begins in what was encoded."""
    found = set()
    for before in range(3):
        whole = base64.b64encode(b"\0" * before + text.encode() + b"\0\0").decode()
        sure = whole[-(-before * 8 // 6) : (before + len(text)) * 8 // 6]  # characters made of `text` alone
        found |= {sure, sure.replace("+", "-").replace("/", "_")}
    return found


def leaks(written: Iterable[tuple[str, bytes]], canaries: Mapping[str, str]) -> list[str]:
    """Where a canary is, and which."""
    wanted = {key: {text.encode()} | {each.encode() for each in in_base64(text)} for key, text in canaries.items()}
    return [
        f"{key} in {place}"
        for place, content in written
        for key, forms in wanted.items()
        if any(form in content for form in forms)
    ]


@pytest.mark.parametrize("before", range(4))
def test_the_search_finds_a_canary_however_it_lies(before: int) -> None:
    lying = base64.b64encode(b"x" * before + b"a c4n4ry/that\xc3\xbf~ sings" + b"y" * 5)
    canaries = {"KEY": "c4n4ry/that\xff~ sings"}
    assert leaks([("there", lying)], canaries) == leaks([("there", canaries["KEY"].encode())], canaries)
    assert leaks([("there", lying)], canaries) == ["KEY in there"]
    assert leaks([("there", base64.b64encode(b"c4n4ry, another one, that sings"))], canaries) == []


@dataclass
class Planted:
    """A deployment whose every kube-env holds canaries, and what its functions answered."""

    cloud: Deployed
    canaries: dict[str, str]
    answers: list[str] = field(default_factory=list)

    def values(self, like: Mapping[str, str]) -> dict[str, str]:
        """Secrets of the shapes that are given, with their canaries in them."""
        mine = self.canaries.keys() - {CLUSTER_CA}
        return {key: _shaped(text, self.canaries[key]) for key, text in like.items() if key in mine}

    def written(self) -> Iterator[tuple[str, bytes]]:
        """Everything that poolwright wrote anywhere."""
        for function in self.cloud.stage.deployment.functions.values():
            yield f"the log of {function.name}", function.log.read_bytes()
        for number, letter in enumerate(self.cloud.dead_letters()):
            yield f"dead letter {number}", letter.data + json.dumps(dict(letter.attributes)).encode()
        for collection, documents in self.cloud.documents().items():
            yield f"documents of {collection}", json.dumps(documents, ensure_ascii=False).encode()
        database = Path(self.cloud.stage.manifest["env"]["POOLWRIGHT_STORE"].removeprefix("sqlite:"))
        with sqlite3.connect(database) as connection:
            assert connection.execute("SELECT count(*) FROM documents").fetchone() > (5,)
        for file in database.parent.glob(f"{database.name}*"):
            yield file.name, file.read_bytes()
        for number, answer in enumerate(self.answers):
            yield f"answer {number}", answer.encode()

    # What goes wrong

    def templates(self) -> dict[str, Json]:
        found: dict[str, Json] = self.cloud.control("GET", "/world")["tables"][TEMPLATES]
        return found

    def change(self, path: str, template: Json) -> None:
        self.cloud.control("PUT", f"/tables/{TEMPLATES}", {path: template})

    def work(self, pool: PoolRef, group: GroupRef, *, cause: str) -> tuple[int, str]:
        """Push work on a group to its function, and keep the answer."""
        cluster = pool.cluster
        body = {
            "kind": "group", "project": group.project, "zone": group.zone, "name": group.name,
            "location": cluster.location, "cluster": cluster.name, "pool": pool.name, "cause": cause,
        }  # fmt: skip
        data = base64.b64encode(json.dumps(body).encode()).decode()
        message = {"data": data, "messageId": f"secret-{cause}", "publishTime": "2026-11-20T10:00:00Z"}
        answer = self.cloud.post("step", {"message": message, "subscription": "projects/p/subscriptions/step"})
        self.answers.append(answer[1])
        return answer


def _shaped(like: str, canary: str) -> str:
    """A value of the shape of `like`: PEM, PEM in base64, or a bare token."""
    if like.startswith("-----BEGIN"):
        first, *_, last = like.strip().splitlines()
        return f"{first}\n{canary}\n{base64.b64encode(canary.encode() * 3).decode()}\n{last}"
    text = base64.b64decode(like, validate=True)
    if text.startswith(b"-----BEGIN"):
        return base64.b64encode(_shaped(text.decode(), canary).encode()).decode()
    return canary


def _items(template: Json) -> Json:
    items = template["properties"]["metadata"]["items"]
    found: Json = next(item for item in items if item["key"] == "kube-env")
    return found


def plant(cloud: Deployed) -> Planted:
    """Canaries in every template that GKE issued, and in those that it will issue."""
    tables = cloud.control("GET", "/world")["tables"]
    names = {key for kept in tables[KEPT_BY_GKE].values() for key in kept}
    canaries = {key: f"c4n4ry-{key.lower().replace('_', '-')}-{secrets.token_hex(6)}" for key in sorted(names)}
    planted = Planted(cloud, canaries)
    of_serving_last = sorted(tables[TEMPLATES].items(), key=lambda item: "gke-serving" in item[0])
    for path, template in of_serving_last:
        item = _items(template)
        values = kube_env.read(item["value"])
        # Without the cluster's real CA no node would join: a line of it is the canary.
        canaries[CLUSTER_CA] = base64.b64decode(values[CLUSTER_CA]).decode().splitlines()[3]
        item["value"] = kube_env.render(values | planted.values(values))
        planted.change(path, template)
    kept = {path: values | planted.values(values) for path, values in tables[KEPT_BY_GKE].items()}
    model = next(path for path in kept if path.endswith("/nodePools/l4"))
    fresh = {f"{model}-new": kept[model], f"{model}-echoed": kept[model]}
    cloud.control("PUT", f"/tables/{KEPT_BY_GKE}", kept | fresh)
    return planted


@pytest.fixture(scope="module")
def planted(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    """Canaries in GKE's templates, and groups that have followed to ours."""
    with deployed(archive, tmp_path_factory.mktemp("secrets")) as cloud:
        planted = plant(cloud)
        planted.cloud.rows(cloud.stage.story.a_boot_image_goes_out)
        planted.cloud.rows(cloud.stage.story.a_new_pool_is_mutated_at_birth)
        yield planted


def our_kube_envs(planted: Planted) -> list[str]:
    return [_items(each)["value"] for each in planted.templates().values() if run_id_of(each["name"])]


def l4(planted: Planted) -> tuple[PoolRef, GroupRef]:
    pools = planted.cloud.stage.story.cloud.pools()
    return next((pool, groups[0]) for pool, groups in pools.items() if pool.name == "l4")


def test_secrets_travel_from_gkes_template_to_ours(planted: Planted) -> None:
    ours = our_kube_envs(planted)
    assert len(ours) >= 5
    assert len(planted.canaries) >= NEVER_SHORTER_THAN
    for number, text in enumerate(ours):
        found = {place.partition(" ")[0] for place in leaks([("it", text.encode())], planted.canaries)}
        assert planted.canaries.keys() - found <= {CLUSTER_CA}, f"template {number} of ours"  # clusters have their own


ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "as JSON": json.dumps,
    "as JSON in JSON": lambda text: json.dumps(json.dumps(text)),
    "as Python": repr,
    "its second half": lambda text: text[len(text) // 2 :],
    "its tokens alone, as JSON": lambda text: json.dumps(_tokens(text)),
    "its tokens alone, as JSON in JSON": lambda text: json.dumps(json.dumps(_tokens(text))),
}
FAULTS = {
    "a read is refused": ("instance_templates.Get", "PERMISSION_DENIED"),
    "a read is not answered": ("instance_templates.Get", "UNAVAILABLE"),
    "an insert is refused": ("instance_templates.Insert", "INVALID_ARGUMENT"),
    "a patch is refused": ("instance_group_managers.Patch", "INVALID_ARGUMENT"),
    "a patch is stale": ("instance_group_managers.Patch", "FAILED_PRECONDITION"),
}


CASES = [*((fault, "as it is") for fault in FAULTS), *(("an insert is refused", echo) for echo in ECHOES)]


def _tokens(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if "_TOKEN: " in line)


@pytest.mark.parametrize(("fault", "echo"), dict.fromkeys(CASES))
def test_a_failing_call_that_quotes_the_request_leaks_nothing(planted: Planted, fault: str, echo: str) -> None:
    method, status = FAULTS[fault]
    pool, group = l4(planted)
    path, template = _gke_template(planted)
    quoted = ECHOES[echo](_items(template)["value"])
    message = f"Invalid value for field 'resource.properties.metadata': {quoted}. It is refused."
    planted.cloud.control("POST", "/faults", {"method": method, "status": status, "message": message})
    planted.change(path, _reissued(template, _items(template)["value"] + f"\nMOVED: {secrets.token_hex(4)}"))
    try:  # a tick may have the group in hand at this moment
        eventually("the fault", lambda: planted.work(pool, group, cause=f"{fault} {echo}")[0] in (500, 503))
    finally:
        planted.cloud.control("DELETE", "/faults")
    assert leaks(planted.written(), planted.canaries) == []


def _reissued(template: Json, value: Any) -> Json:
    """The template with another kube-env, issued after the pool's others, so that ours has to follow it."""
    fresh: Json = json.loads(json.dumps(template)) | {"creationTimestamp": LATER}
    _items(fresh)["value"] = value
    return fresh


def _gke_template(planted: Planted) -> tuple[str, Json]:
    """The template that GKE issued for the group."""
    _, group = l4(planted)
    ours = json.loads(planted.cloud.stage.story.cloud.group(group).description)
    named = ours["gkeTemplate"].rpartition("/")[2]
    return next((path, each) for path, each in planted.templates().items() if each["name"] == named)


ODD: dict[str, Any] = {
    "no YAML": lambda text: f"{text}\n: [{text[:40]}\n\t{{",
    "a key twice": lambda text: f"{text}\n{text}",
    "a list of values": lambda text: text + "\nKUBELET_ARGS:\n  - " + json.dumps(text),
    "one line": lambda text: text.replace("\n", " "),
    "no text": lambda text: {"value": text},
    "no kube-env": lambda text: None,
}


@pytest.mark.parametrize("odd", ODD)
def test_a_template_that_is_odd_is_refused_or_fails_without_being_quoted(planted: Planted, odd: str) -> None:
    pool, group = l4(planted)
    path, template = _gke_template(planted)
    planted.change(path, _reissued(template, ODD[odd](_items(template)["value"])))
    try:
        planted.work(pool, group, cause=odd)
    finally:
        planted.change(path, template)
    assert leaks(planted.written(), planted.canaries) == []


def test_a_roll_back_leaks_nothing_either(planted: Planted) -> None:
    story = planted.cloud.stage.story
    story.cloud.command("rollback")
    eventually("the roll-back", lambda: story._rollout(1).get("phase") == "rolled back", patience=60)
    assert leaks(planted.written(), planted.canaries) == []


def test_a_function_that_prints_a_template_would_be_found(archive: Path, tmp_path: Path) -> None:
    talkative = tmp_path / "talkative.zip"
    service, line = (
        "poolwright/services/mutate_group.py",
        "        raw, own, gke = _observe(ports, cluster, pool, group)\n",
    )
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(talkative, "w") as out:
        for name in source.namelist():
            text = source.read(name).decode()
            if name == service:
                assert line in text
                text = text.replace(line, line + "        print(own.raw)\n")
            out.writestr(name, text)
    with deployed(talkative, tmp_path / "there") as cloud:
        planted = plant(cloud)
        planted.cloud.rows(cloud.stage.story.a_boot_image_goes_out)
        assert any(place.endswith("the log of step") for place in leaks(planted.written(), planted.canaries))
