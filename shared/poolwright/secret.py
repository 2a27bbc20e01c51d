"""Values that must not be printed, logged, diffed, stored or served."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any, Generic, NoReturn, TypeVar

T = TypeVar("T", str, bytes, dict[str, Any])


class Secret(Generic[T]):
    """Wraps a text, bytes or a JSON object; `reveal` is the only way back.

    Printed in any way it shows a fingerprint, the first eight hex digits of the value's SHA-256, so that two secrets
    can be told apart in a diff. It cannot be pickled or encoded as JSON.
    """

    __slots__ = ("__value",)
    __value: T

    def __init__(self, value: T) -> None:
        self.__value = value

    def reveal(self) -> T:
        """The value itself. Keep it out of messages, exceptions and anything that is kept."""
        return self.__value

    @property
    def fingerprint(self) -> str:
        """`sha256:` and eight hex digits."""
        return f"sha256:{hashlib.sha256(self.__bytes()).hexdigest()[:8]}"

    def __repr__(self) -> str:
        return f"<secret {self.fingerprint}>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        same_type = type(self.__value) is type(other.__value)
        return hmac.compare_digest(self.__bytes(), other.__bytes()) and same_type

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __bytes(self) -> bytes:
        if isinstance(self.__value, bytes):
            return self.__value
        text = self.__value if isinstance(self.__value, str) else json.dumps(self.__value, sort_keys=True)
        return text.encode("utf-8", "surrogatepass")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied; reveal() it where the value itself is needed")
