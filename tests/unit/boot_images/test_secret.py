import copy
import json
import pickle
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.secret import Secret
from tests.unit.boot_images.examples import CANARY

VALUES: list[Any] = [CANARY, CANARY.encode(), {"key": CANARY}]


@pytest.mark.parametrize("value", VALUES)
def test_only_reveal_gives_the_value_back(value: Any) -> None:
    secret = Secret(value)

    assert secret.reveal() == value
    for printed in (repr(secret), str(secret), f"{secret}", f"{secret:>40}", "%s" % secret, repr([secret])):  # noqa: UP031
        assert CANARY not in printed
        assert secret.fingerprint in printed


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("encode", [pickle.dumps, copy.deepcopy, json.dumps, msgspec.json.encode, msgspec.to_builtins])
def test_it_is_not_encoded_by_accident_and_the_error_does_not_tell_it(value: Any, encode: Any) -> None:
    with pytest.raises(TypeError) as raised:
        encode({"key": Secret(value)})

    assert CANARY not in str(raised.value)


def test_equal_values_are_equal_secrets_with_one_hash_and_one_fingerprint() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a") != Secret(b"a")
    assert Secret("a") != "a"
    assert Secret("a").fingerprint == "sha256:ca978112"


@given(st.text() | st.binary())
def test_every_text_and_every_bytes_has_a_fingerprint(value: Any) -> None:
    assert Secret(value).fingerprint.startswith("sha256:")
