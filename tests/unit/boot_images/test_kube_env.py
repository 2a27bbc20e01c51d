from collections.abc import Callable

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from poolwright.boot_images.kube_env import KubeEnv, KubeEnvError, diff
from tests.unit.boot_images.examples import CANARY, KUBE_ENV, SECRET_KEYS, leaked

# The node's own reading of kube-env, written down apart from the code under test.
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQ: IBADANBgkqh/kiG9w0B+AQEF\n\nAAb==\n-----END PRIVATE KEY-----"
NASTY = st.sampled_from(
    [
        *("a: b", '{"a": "b: c"}', "'", '"', "it's", "# no comment", "a # b", "a\tb", "\t", "x\ny", "", " ", "\r\n"),
        *(
            "- a",
            "? ",
            "|",
            ">-",
            "[a, b",
            "%TAG",
            "@",
            "`",
            "!",
            "&x",
            "*x",
            "---",
            "...",
            "null",
            "true",
            "0x1F",
            "1:30",
        ),
        *("grüß dich", "𝄞", "\x85", "\u2028", "\ufeff", "\x00", "\x7f", "\\n", "<<", "=", PEM, f"{PEM}\n"),
        *("--v=2 --node-labels=a=b", "a=b;c=d"),
    ]
)
# Few names, so that some come twice.
NAMES = st.sampled_from(["A", "B", "KUBELET_ARGS", "ZONE_2"]) | st.from_regex(r"[A-Z][A-Z0-9_]{0,8}", fullmatch=True)
VALUES = (
    st.text(max_size=30) | NASTY | st.lists(NASTY, max_size=3).map("".join) | st.lists(NASTY, max_size=3).map(" ".join)
)


def as_the_node_reads(text: str) -> dict[str, str]:
    loaded = yaml.load(text, Loader=yaml.BaseLoader)
    return {key: str(value) for key, value in (loaded or {}).items()}


def plain(value: str) -> str:
    return value if as_read(f"K: {value}") == {"K": value} else double_quoted(value)


def as_read(text: str) -> object:
    try:
        return yaml.load(text, Loader=yaml.BaseLoader)
    except (yaml.YAMLError, ValueError):
        return None


def double_quoted(value: str) -> str:
    return yaml.dump(value, default_style='"', width=20, allow_unicode=True).rstrip("\n")


def single_quoted(value: str) -> str:
    return yaml.dump(value, default_style="'").rstrip("\n")


def literal(value: str) -> str:
    dumped = yaml.dump(value, default_style="|").rstrip("\n")
    return "\n".join(line and f"  {line}" for line in dumped.split("\n")).strip(" ")


def unindented(value: str) -> str:
    """A quoted value whose further lines stand in the first column, as PEM blocks do."""
    return '"' + "\n".join(value.splitlines()).replace("\\", "").replace('"', "") + '"'


STYLES: list[Callable[[str], str]] = [plain, double_quoted, single_quoted, literal, unindented]


@st.composite
def well_formed(draw: st.DrawFn) -> str:
    entries = draw(st.lists(st.tuples(NAMES, VALUES, st.sampled_from(STYLES)), min_size=1, max_size=6))
    comments = draw(
        st.lists(st.sampled_from(["", "# a comment\n", "\n"]), min_size=len(entries), max_size=len(entries))
    )
    lines = [f"{gap}{key}: {style(value)}" for gap, (key, value, style) in zip(comments, entries, strict=True)]
    text = "\n".join(lines) + draw(st.sampled_from(["", "\n", "\n\n"]))
    text = text.replace("\n", "\r\n") if draw(st.booleans()) else text
    assume(isinstance(as_read(text), dict))
    return text


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A real kube-env into which something was put, or out of which something was taken."""
    text = KUBE_ENV.replace("\n", draw(st.sampled_from(["\n", "\r\n", "\r"])))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        text = text[:start] + draw(NASTY | st.text(max_size=5)) + text[start + draw(st.integers(0, 20)) :]
    return text


ANYTHING = st.text() | st.text(alphabet="AB: \t\n\r\"'#|-{}[]&*!%\\") | well_formed() | damaged()


@given(ANYTHING)
@example(KUBE_ENV)
@example("garbage before\nA: b")
@example("A: 1\nA: 2\n")
@example("CA: -----BEGIN CERTIFICATE-----\nMIIC: x\n-----END CERTIFICATE-----")
@example("\ufeffA: b\r\n\r\n")
@example("A: [" * 3000)
def test_reading_and_writing_is_the_identity_on_every_text(text: str) -> None:
    env = KubeEnv.parse(text)
    _ = env.keys, env.values, env.readable

    assert env.render().reveal() == text
    for key in env.keys:  # what changes nothing writes nothing
        assert env.unset(f"{key}_not_there").render().reveal() == text


@given(ANYTHING, NAMES, VALUES, st.booleans())
@settings(max_examples=300)
@example("A: 'x'\nA: |\n  y", "A", "z", True)
def test_of_any_text_that_a_node_can_read_a_change_alters_that_key_alone_or_is_refused(
    text: str, key: str, value: str, setting: bool
) -> None:
    before = as_read(text)
    if not isinstance(before, dict):
        assert text.strip() == "" or before is None or not KubeEnv.parse(text).readable
        return
    env = KubeEnv.parse(text)
    try:
        after = env.set(key, value) if setting else env.unset(key)
    except KubeEnvError as error:
        assert key in str(error)
        return

    expected = {name: content for name, content in as_the_node_reads(text).items() if name != key}
    assert as_the_node_reads(after.render().reveal()) == expected | ({key: value} if setting else {})


@given(well_formed())
def test_values_are_what_the_node_reads(text: str) -> None:
    env = KubeEnv.parse(text)

    assert env.readable
    assert {key: value.reveal() for key, value in env.values.items()} == as_the_node_reads(text)


@given(well_formed(), NAMES, VALUES)
@example(KUBE_ENV, "ZZZ_LAST", "now: with\nbreaks")
@example("A: |\n  no final newline", "B", "c")
def test_setting_a_key_changes_that_key_alone_as_the_node_reads_it(text: str, key: str, value: str) -> None:
    after = KubeEnv.parse(text).set(key, value)

    assert as_the_node_reads(after.render().reveal()) == as_the_node_reads(text) | {key: value}
    assert after.set(key, value) == after


@given(well_formed(), st.data())
@settings(max_examples=200)
def test_unsetting_a_key_takes_that_key_alone_as_the_node_reads_it(text: str, data: st.DataObject) -> None:
    key = data.draw(st.sampled_from([*as_the_node_reads(text), "NOT_THERE"]))

    after = KubeEnv.parse(text).unset(key)

    expected = {name: value for name, value in as_the_node_reads(text).items() if name != key}
    assert as_the_node_reads(after.render().reveal()) == expected
    assert after.unset(key) == after


@given(well_formed(), NAMES, VALUES)
def test_setting_a_key_leaves_every_other_byte_as_it_was(text: str, key: str, value: str) -> None:
    assume(key not in as_the_node_reads(text))

    once = KubeEnv.parse(text).set(key, value)

    assert once.unset(key).render().reveal() == text


@pytest.mark.parametrize("key", [*SECRET_KEYS, "KUBELET_PEM", "ZZZ_LAST", "SERVER_BINARY_TAR_URL", "EXTRA_JSON"])
def test_what_stands_around_a_changed_entry_comes_out_byte_for_byte(key: str) -> None:
    before, after = KUBE_ENV, KubeEnv.parse(KUBE_ENV)
    if key == "EXTRA_JSON":
        with pytest.raises(KubeEnvError, match="EXTRA_JSON holds a nested value"):
            after.set(key, "new")
        return
    start = before.index(f"{key}:")
    following = [before.index(f"\n{other}:") for other in after.keys if before.find(f"\n{other}:") > start]
    end = min(following, default=len(before))

    assert after.set(key, "new").render().reveal() == f"{before[:start]}{key}: new{before[end:]}"


def test_an_unquoted_pem_block_that_the_node_cannot_read_is_still_one_entry() -> None:
    text = "A: 1\nCERT: -----BEGIN CERTIFICATE-----\nMIIC\n-----END CERTIFICATE-----\nB: 2\n"
    env = KubeEnv.parse(text)

    assert not env.readable
    assert env.keys == ("A", "CERT", "B")
    assert env.set("A", "3").unset("CERT").render().reveal() == "A: 3\nB: 2\n"


def test_of_a_repeated_key_the_last_counts_and_is_the_one_replaced() -> None:
    env = KubeEnv.parse("A: 1\nB: 2\nA: 3\n")

    found = env.get("A")
    assert found is not None and found.reveal() == "3"
    assert env.set("A", "4").render().reveal() == "A: 1\nB: 2\nA: 4\n"
    assert env.unset("A").render().reveal() == "B: 2\n"


@pytest.mark.parametrize(
    ("key", "before", "item", "after"),
    [
        ("AUTOSCALER_ENV_VARS", "a=b;c=d", "e=f", "a=b;c=d;e=f"),
        ("AUTOSCALER_ENV_VARS", "node_labels=a=b;os=linux", "node_labels=c=d", "node_labels=a=b,c=d;os=linux"),
        ("AUTOSCALER_ENV_VARS", "node_labels=;os=linux", "node_labels=c=d", "node_labels=c=d;os=linux"),
        ("AUTOSCALER_ENV_VARS", "os=linux", "node_taints=k=v:NoSchedule", "os=linux;node_taints=k=v:NoSchedule"),
        ("AUTOSCALER_ENV_VARS", "", "a=b", "a=b"),
        ("AUTOSCALER_ENV_VARS", "a=b;", "c=d", "a=b;c=d"),
        ("KUBELET_ARGS", "--v=2", "--node-labels=a=b", "--v=2 --node-labels=a=b"),
        ("KUBELET_ARGS", "--node-labels=a=b --v=2", "--node-labels=c=d,e=f", "--node-labels=a=b,c=d,e=f --v=2"),
        (
            "KUBELET_ARGS",
            "--register-with-taints=k=v:NoSchedule",
            "--register-with-taints=k=w:NoExecute",
            "--register-with-taints=k=v:NoSchedule,k=w:NoExecute",
        ),
        ("NODE_LABELS", "a=b", "c=d", "a=b,c=d"),
        ("KUBELET_ARGS", "'--node-labels=a=b  --v=2'", "--node-labels=c=d", "--node-labels=a=b,c=d  --v=2"),
        ("KUBELET_ARGS", '"--v=2\\n--node-labels=a=b"', "--node-labels=c=d", "--v=2\n--node-labels=a=b,c=d"),
        (
            "KUBELET_ARGS",
            "--node-labels=a=b --node-labels=c=d",
            "--node-labels=c=d",
            "--node-labels=a=b --node-labels=c=d",
        ),
        ("KUBELET_ARGS", "--node-labels=a=b, --v=2", "--node-labels=c=d", "--node-labels=a=b,c=d --v=2"),
    ],
)
def test_an_item_is_put_into_a_list_once(key: str, before: str, item: str, after: str) -> None:
    env = KubeEnv.parse(f"X: y\n{key}: {before}\n")

    once = env.append(key, item)

    assert once.values[key].reveal() == after
    assert once.append(key, item) == once


@pytest.mark.parametrize(
    ("key", "before", "item", "complaint"),
    [
        ("KUBELET_ARGS", "--max-pods=110", "--max-pods=64", "holds --max-pods already, with another value"),
        ("KUBELET_ARGS", "--max-pods=64 --max-pods=110", "--max-pods=64", "holds --max-pods already"),
        ("KUBELET_ARGS", "--node-labels=a=b", "--node-labels=a=c", "--node-labels holds a already"),
        ("KUBELET_ARGS", "--node-labels=x=y --node-labels=a=b", "--node-labels=a=c", "--node-labels holds a already"),
        (
            "AUTOSCALER_ENV_VARS",
            "node_taints=k=v:NoSchedule",
            "node_taints=k=w:NoSchedule",
            "holds k:NoSchedule already",
        ),
        ("AUTOSCALER_ENV_VARS", "a=b", "c=d;e=f", "must be one name=value"),
        ("KUBELET_ARGS", "--v=2", "--quiet", "must be one name=value"),
        ("ZONE", "a", "b=c", "ZONE is no list"),
    ],
)
def test_an_item_that_conflicts_or_fits_no_list_is_refused(key: str, before: str, item: str, complaint: str) -> None:
    with pytest.raises(KubeEnvError, match=complaint):
        KubeEnv.parse(f"{key}: {before}\n").append(key, item)


@pytest.mark.parametrize("text", ["A: &x 1\nB: *x\n", "? A\n: 1\n"])
def test_a_change_that_would_alter_another_key_is_refused(text: str) -> None:
    with pytest.raises(KubeEnvError, match="kube-env key A cannot be changed without"):
        KubeEnv.parse(text).unset("A")


def test_a_name_that_no_shell_takes_is_refused() -> None:
    with pytest.raises(KubeEnvError, match="shell variable"):
        KubeEnv.parse("").set("a b", "c")


def test_a_diff_names_keys_and_kinds_and_shows_only_what_is_on_the_allowlist() -> None:
    before = KubeEnv.parse(KUBE_ENV)
    after = before.set("ZONE", "us-central1-a").set("KUBELET_KEY", "other").unset("CA_CERT")

    changes = {change.key: change for change in diff(before, after)}

    assert {key: change.kind for key, change in changes.items()} == {
        "ZONE": "added",
        "KUBELET_KEY": "changed",
        "CA_CERT": "removed",
    }
    assert changes["ZONE"].after == "us-central1-a"
    assert changes["CA_CERT"].before == str(before.get("CA_CERT"))
    assert not leaked(list(changes.values()))
    assert diff(before, before) == ()


@pytest.mark.parametrize("text", [KUBE_ENV, f'A: "unfinished\n{CANARY}', f"A: {CANARY}: x\n- y"])
def test_nothing_printed_of_a_kube_env_tells_a_secret(text: str) -> None:
    env = KubeEnv.parse(text)

    for thing in (env, env.values, env.render(), env.keys):
        assert not leaked(thing)
    for key in env.keys:
        with pytest.raises(KubeEnvError) as raised:
            env.append("KUBELET_KEY" if key not in ("KUBELET_ARGS", "AUTOSCALER_ENV_VARS") else key, CANARY[:3])
        assert not leaked(raised.value)
