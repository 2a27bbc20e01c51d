"""Substitutions: what a build's fields may name, and what becomes of it.

https://cloud.google.com/build/docs/configuring-builds/substitute-variable-values
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from localcloud.errors import GoogleError

USER_KEY = re.compile(r"_[A-Z0-9_]+")
# True: a request may set it; False: only Cloud Build does.
BUILT_IN = {
    "PROJECT_ID": False, "BUILD_ID": False, "PROJECT_NUMBER": False, "LOCATION": False, "TRIGGER_NAME": True,
    "SERVICE_ACCOUNT": False, "SERVICE_ACCOUNT_EMAIL": False, "REPO_NAME": True, "REPO_FULL_NAME": True,
    "BRANCH_NAME": True, "TAG_NAME": True, "REF_NAME": True, "REVISION_ID": True, "COMMIT_SHA": True,
    "SHORT_SHA": True, "TRIGGER_BUILD_CONFIG_PATH": True,
}  # fmt: skip
_PARAMETER = re.compile(r"\$\$|\$([A-Z_][A-Z0-9_]*)|\$\{([A-Z_][A-Z0-9_]*)([^}]*)\}")
_STEP_FIELDS = ("name", "args", "env", "dir", "entrypoint", "id", "waitFor", "secretEnv")
_BUILD_FIELDS = ("images", "tags", "logsBucket", "serviceAccount", "artifacts", "availableSecrets", "secrets")


def check_keys(values: dict[str, str]) -> None:
    """Refuse keys and values that Cloud Build does not take."""
    if len(values) > 200:
        raise invalid(f"number of substitutions {len(values)} exceeded (max: 200)")
    for key, value in sorted(values.items()):
        if len(key) > 100:
            raise invalid(f'substitution key "{key}" too long (max: 100)')
        if not USER_KEY.fullmatch(key) and not BUILT_IN.get(key, False):
            raise invalid(
                f'substitution key "{key}" does not respect format "^_[A-Z0-9_]+$" '
                "and is not an overridable built-in substitutions"
            )
        if len(value) > 4000:
            raise invalid(f'substitution value "{value}" too long (max: 4000)')


def invalid(text: str) -> GoogleError:
    """A substitution that cannot be."""
    return GoogleError("INVALID_ARGUMENT", f"invalid build: invalid .substitutions field: {text}")


def check_template(build: dict[str, Any]) -> None:
    """Every key named must be set and every key set must be named, unless the build says ALLOW_LOOSE."""
    values = build.get("substitutions", {})
    options = build.get("options", {})
    used: set[str] = set()
    missing: list[str] = []
    for text in _texts(build):
        for key in _keys(text):
            used.add(key)
            if key in values:
                continue
            if USER_KEY.fullmatch(key):
                missing.append(f'key in the template "{key}" is not matched in the substitution data')
            elif key not in BUILT_IN:
                raise GoogleError(
                    "INVALID_ARGUMENT",
                    "generic::invalid_argument: invalid value for 'build.substitutions': "
                    f'key in the template "{key}" is not a valid built-in substitution',
                )
    used.update(key for value in values.values() for key in _keys(value))
    if not _automapped(build):
        missing += [
            f'key "{key}" in the substitution data is not matched in the template'
            for key in sorted(values)
            if key not in used and USER_KEY.fullmatch(key)
        ]
    if missing and options.get("substitutionOption") != "ALLOW_LOOSE":
        raise GoogleError("INVALID_ARGUMENT", "generic::invalid_argument: " + ";".join(dict.fromkeys(missing)))


def substituted(build: dict[str, Any], values: dict[str, str]) -> dict[str, Any]:
    """The build with every key replaced by its value; `$$` stands for a dollar."""
    steps = [
        {name: _replace(each, values) if name in _STEP_FIELDS else each for name, each in step.items()}
        for step in build["steps"]
    ]
    changed = {name: _replace(build[name], values) for name in _BUILD_FIELDS if name in build}
    return {**build, **changed, "steps": steps}


def _automapped(build: dict[str, Any]) -> bool:
    steps = build["steps"]
    return bool(build.get("options", {}).get("automapSubstitutions")) or any(
        step.get("automapSubstitutions") for step in steps
    )


def _texts(build: dict[str, Any]) -> Iterator[str]:
    for step in build["steps"]:
        for name in _STEP_FIELDS:
            yield from _strings(step.get(name))
    for name in _BUILD_FIELDS:
        yield from _strings(build.get(name))
    yield from _strings(build.get("options", {}).get("env"))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)


def _keys(text: str) -> Iterator[str]:
    for found in _PARAMETER.finditer(text):
        if found[0] != "$$":
            yield found[1] or found[2]


def _replace(value: Any, values: dict[str, str]) -> Any:
    if isinstance(value, list):
        return [_replace(each, values) for each in value]
    if isinstance(value, dict):
        return {name: _replace(each, values) for name, each in value.items()}
    if not isinstance(value, str):
        return value

    def put(found: re.Match[str]) -> str:
        if found[0] == "$$":
            return "$"
        if found[3]:  # ${NAME:-…} and its like are bash's; they need dynamicSubstitutions and stay as they are
            return found[0]
        return values.get(found[1] or found[2], "")

    return _PARAMETER.sub(put, value)
