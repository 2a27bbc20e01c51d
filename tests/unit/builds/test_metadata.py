"""Metadata in files: what is shown, what is a fingerprint, what changed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.boot_images.kube_env import SHOWN_KEYS
from poolwright.boot_images.resources import InstanceTemplate
from poolwright.builds import metadata
from tests.unit.boot_images.examples import CANARY, CANARY_BASE64, SECRET_KEYS, template


def files(**items: str | None) -> dict[str, str]:
    return metadata.files(InstanceTemplate(template(metadata=items)))


def test_every_key_is_a_file_and_no_file_holds_a_secret() -> None:
    found = files()
    assert found["cluster-name"] == "serving"
    assert found["kube-env/ALLOCATE_NODE_CIDRS"] == "true"
    assert "--node-labels=cloud.google.com/gke-nodepool=l4,team=ml" in found["kube-env/KUBELET_ARGS"]
    for key in SECRET_KEYS:
        assert found[f"kube-env/{key}"].startswith("<secret sha256:")
    assert not [path for path, text in found.items() if CANARY in text or CANARY_BASE64 in text]


@pytest.mark.parametrize("key", sorted(metadata.SHOWN_ITEMS))
@pytest.mark.parametrize("form", ["plain", "base64"])
def test_a_shown_item_that_quotes_a_secret_is_a_fingerprint(key: str, form: str) -> None:
    quoted = {"plain": CANARY, "base64": CANARY_BASE64}[form]
    assert files(**{key: f"before {quoted} after"})[key].startswith("<secret sha256:")


def test_a_shown_key_of_kube_env_that_quotes_a_secret_is_a_fingerprint() -> None:
    encoded = base64.b64encode(b"another-secret-of-the-kubelet").decode()
    found = files(**{"kube-env": f"KUBELET_KEY: {encoded}\nKUBELET_ARGS: --key=another-secret-of-the-kubelet\n"})
    assert found["kube-env/KUBELET_ARGS"].startswith("<secret sha256:")


@pytest.mark.parametrize("key", ["startup-script", "ssh-keys", "of-tomorrow"])
def test_an_item_that_nobody_vouches_for_is_a_fingerprint(key: str) -> None:
    assert files(**{key: "anything"})[key] == "<secret sha256:ee087417>\n"


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.just("v"), max_size=4))
def test_no_key_leaves_the_folder(keys: dict[str, str]) -> None:
    for path in files(**keys):
        folder, _, name = path.rpartition("/")
        assert folder in ("", "kube-env")
        assert name
        assert not name.startswith(".")


def test_a_template_without_kube_env_has_no_such_files() -> None:
    assert not [path for path in files(**{"kube-env": None}) if path.startswith("kube-env")]


def test_what_changed_is_told_by_file() -> None:
    before = {"kept": "1", "changed": "1", "gone": "1"}
    after = {"kept": "1", "changed": "2", "new": "1"}
    assert [str(each) for each in metadata.changes(before, after)] == ["~ changed: 1 -> 2", "- gone: 1", "+ new: 1"]
    assert metadata.changes({}, after) == ()
    assert metadata.changes(after, after) == ()


def test_nothing_that_is_shown_is_named_like_a_credential() -> None:
    assert not {key for key in SHOWN_KEYS if metadata._CREDENTIAL.search(key)}
