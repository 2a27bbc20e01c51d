import json
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given
from hypothesis import strategies as st

from poolwright.boot_images import kubelet_config
from poolwright.boot_images.kubelet_config import KubeletConfigError, with_field, without_field
from tests.unit.boot_images.examples import CANARY, leaked

GKE = """\
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication:
  anonymous:
    enabled: false
  webhook:
    enabled: true
cgroupDriver: systemd
clusterDNS:
- 34.118.224.10
evictionHard:  # as GKE computes it
  memory.available: 100Mi
  nodefs.available: 10%
featureGates: {ExecProbeTimeout: false, RotateKubeletServerCertificate: true}
maxPods: 110
staticPodURLHeader: {}
readOnlyPort: 10255
"""


def as_the_kubelet_reads(text: str) -> Any:
    return yaml.safe_load(text)


def as_read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


@pytest.mark.parametrize(
    ("path", "value", "before", "after"),
    [
        ("maxPods", 64, "maxPods: 110\n", "maxPods: 64\n"),
        ("authentication.anonymous.enabled", True, "    enabled: false\n", "    enabled: true\n"),
        ("evictionHard.memory.available", "200Mi", "available: 100Mi\n", 'available: "200Mi"\n'),
        ("featureGates.ExecProbeTimeout", True, "{ExecProbeTimeout: false,", "{ExecProbeTimeout: true,"),
        ("clusterDNS", ["10.0.0.10"], "clusterDNS:\n- 34.118.224.10\n", 'clusterDNS: ["10.0.0.10"]\n'),
        ("authentication", {}, GKE[GKE.index("authentication") : GKE.index("cgroup")], "authentication: {}\n"),
        ("staticPodURLHeader.x", ["y"], "staticPodURLHeader: {}", 'staticPodURLHeader: {"x": ["y"]}'),
        ("imageMinimumGCAge", "24h", "apiVersion:", 'imageMinimumGCAge: "24h"\napiVersion:'),
        ("evictionHard.pid.available", "10%", "  memory.av", '  pid.available: "10%"\n  memory.av'),
        ("featureGates.New", True, "{Exec", '{"New": true, Exec'),
        ("authentication.x509.clientCAFile", "/ca", "  anonymous", '  x509: {"clientCAFile": "/ca"}\n  anonymous'),
    ],
)
def test_a_field_is_set_where_it_stands_and_every_other_byte_stays(
    path: str, value: Any, before: str, after: str
) -> None:
    assert GKE.count(before) == 1

    once = with_field(GKE, path, value)

    assert once == GKE.replace(before, after)
    assert with_field(once, path, value) == once


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("maxPods", "maxPods: 110\n", ""),
        ("authentication.anonymous.enabled", "anonymous:\n    enabled: false\n", "anonymous: {}\n"),
        ("authentication.webhook", "  webhook:\n    enabled: true\n", ""),
        ("evictionHard.memory.available", "  memory.available: 100Mi\n", ""),
        ("featureGates.ExecProbeTimeout", "ExecProbeTimeout: false, ", ""),
        ("featureGates.RotateKubeletServerCertificate", ", RotateKubeletServerCertificate: true", ""),
        ("readOnlyPort", "readOnlyPort: 10255\n", ""),
        ("clusterDNS", "clusterDNS:\n- 34.118.224.10\n", ""),
    ],
)
def test_a_field_is_taken_out_and_every_other_byte_stays(path: str, before: str, after: str) -> None:
    assert GKE.count(before) == 1

    once = without_field(GKE, path)

    assert once == GKE.replace(before, after)
    assert without_field(once, path) == once


@pytest.mark.parametrize("path", ["nowhere", "maxPods.inner", "authentication.none.enabled", "evictionHard.x.y"])
def test_taking_out_what_is_not_there_changes_nothing(path: str) -> None:
    assert without_field(GKE, path) == GKE


def test_a_value_that_is_there_already_is_left_as_it_is_written() -> None:
    for path, value in (("maxPods", 110), ("cgroupDriver", "systemd"), ("clusterDNS", ["34.118.224.10"])):
        assert with_field(GKE, path, value) == GKE


NAMES = st.from_regex(r"[a-z][A-Za-z0-9]{0,6}", fullmatch=True).filter(lambda name: name not in ("kind", "apiVersion"))
NASTY = ("10%", "a: b", "# no comment", "1:30", "yes", "0x10", "x\ny", "𝄞", "\x85", "\x7f", "null", "- a", "2026-01-01")
SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=8) | st.sampled_from(NASTY)
KEYS = NAMES | st.text(max_size=4)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)
CONFIGS = st.dictionaries(NAMES, st.dictionaries(NAMES, VALUES, max_size=3) | VALUES, max_size=4)


@st.composite
def written(draw: st.DrawFn) -> tuple[dict[str, Any], str]:
    """A configuration and its text, as YAML of several styles or as JSON."""
    config = {"kind": "KubeletConfiguration"} | draw(CONFIGS)
    if draw(st.booleans()):
        text = json.dumps(config, ensure_ascii=False, indent=draw(st.sampled_from([None, 2])))
        assume(as_read(text) == config)  # not every JSON is YAML
        return config, text
    text = yaml.safe_dump(
        config,
        sort_keys=False,
        default_flow_style=draw(st.sampled_from([False, None])),
        default_style=draw(st.sampled_from([None, '"', "'"])) if draw(st.booleans()) else None,
        allow_unicode=draw(st.booleans()),
        indent=draw(st.sampled_from([2, 4])),
    )
    return as_the_kubelet_reads(text), text if draw(st.booleans()) else text.rstrip("\n")


def replaced(config: dict[str, Any], keys: tuple[str, ...], value: Any) -> dict[str, Any]:
    inner = (config.get(keys[0]) or {}) if len(keys) > 1 else None
    return config | {keys[0]: value if inner is None else replaced(inner, keys[1:], value)}


@given(written(), st.lists(NAMES, min_size=1, max_size=3), VALUES)
@example(({"kind": "KubeletConfiguration"}, "kind: KubeletConfiguration"), ["a", "b"], "c")
def test_setting_a_field_changes_that_field_alone_as_the_kubelet_reads_it(
    given_config: tuple[dict[str, Any], str], names: list[str], value: Any
) -> None:
    config, text = given_config
    inner: Any = config
    for name in names[:-1]:
        inner = inner.get(name) if isinstance(inner, dict) else inner
    path = ".".join(names)
    if inner is not None and not isinstance(inner, dict):
        with pytest.raises(KubeletConfigError, match="holds no fields"):
            with_field(text, path, value)
        return

    once = with_field(text, path, value)

    assert as_the_kubelet_reads(once) == replaced(config, tuple(names), value)
    assert with_field(once, path, value) == once


@given(written(), st.data())
def test_taking_a_field_out_takes_that_field_alone_as_the_kubelet_reads_it(
    given_config: tuple[dict[str, Any], str], data: st.DataObject
) -> None:
    config, text = given_config
    name = data.draw(st.sampled_from(sorted({*config, "nowhere"} - {"kind"})))

    once = without_field(text, name)

    assert as_the_kubelet_reads(once) == {key: value for key, value in config.items() if key != name}
    assert without_field(once, name) == once


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"- {CANARY}", "no YAML mapping"),
        (f"a: {CANARY}: b", "no YAML mapping"),
        ("", "no YAML mapping"),
        (f"kind: {CANARY}", "another kind than KubeletConfiguration"),
        ("kind: KubeletConfiguration\na: &x {b: 1}\nc: *x\n", "cannot be changed without changing other fields"),
        ("kind: KubeletConfiguration\na: [1]\n", "a on the way to a.b holds no fields"),
    ],
)
def test_what_cannot_be_changed_is_refused_without_telling_its_content(text: str, says: str) -> None:
    with pytest.raises(KubeletConfigError, match=says) as raised:
        with_field(text, "a.b", 2)
    assert not leaked(raised.value)


def test_its_kind_is_not_changed() -> None:
    with pytest.raises(KubeletConfigError, match="kind of kubelet-config cannot be changed"):
        with_field(GKE, "kind", "Other")


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(KubeletConfigError, match="is no path to a field"):
        kubelet_config.keys_of(path)


@pytest.mark.parametrize(
    ("path", "flag"),
    [
        ("maxPods", "--max-pods"),
        ("podPidsLimit", "--pod-max-pids"),
        ("evictionHard.memory.available", "--eviction-hard"),
        ("registryBurst", "--registry-burst"),
        ("imageGCHighThresholdPercent", "--image-gc-high-threshold"),
    ],
)
def test_a_field_is_known_by_its_flag_too(path: str, flag: str) -> None:
    assert kubelet_config.flag_of(path) == flag


def test_fields_are_told_apart_by_path() -> None:
    found = kubelet_config.fields(GKE)

    assert found is not None
    assert found["authentication.webhook.enabled"] == "true"
    assert found["evictionHard.memory.available"] == '"100Mi"'
    assert found["clusterDNS"] == '["34.118.224.10"]'
    assert kubelet_config.fields("- x") is None
