"""The providers' real schemas, as far as the modules use them: `provider_schemas.json`.

Terraform's own registry is not needed for them: HashiCorp's bindings for Python carry each provider's schema as a jsii
assembly (the PyPI packages cdktf-cdktf-provider-google and cdktf-cdktf-provider-helm).

    make terraform-schemas      downloads them (70 MB) and writes the file anew

The shape of a body (a resource, a data source, a block):

    {"arguments": {NAME: {"type": TYPE, "required": bool}}, "computed": {NAME: TYPE},
     "blocks": {NAME: BODY | {"many": bool, "required": bool}}}

TYPE is string, number, bool, list or map (of strings); of what is computed also {NAME: TYPE}, a list of objects. The
bindings do not tell an argument that is a list of objects from a block, so both are blocks, nor how many of a block
there may be beyond one or many.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FILE = Path(__file__).with_name("provider_schemas.json")
BINDINGS = {
    "google": ("cdktf-cdktf-provider-google==16.12.1", "6.50.0"),
    "helm": ("cdktf-cdktf-provider-helm==12.1.2", "3.1.1"),
}
_USED = re.compile(r'^(resource|data) "((google|helm)_\w+)"', re.MULTILINE)
_META = ("tfResourceType", "internalValue")

Body = dict[str, Any]


def used() -> Iterator[tuple[str, str, str]]:
    """(provider, resource or data, type) of all that the modules and examples declare."""
    text = "\n".join(path.read_text("utf-8") for path in sorted((ROOT / "terraform").rglob("*.tf")))
    yield from sorted({(provider, kind, name) for kind, name, provider in _USED.findall(text)})


@dataclass(frozen=True)
class Assembly:
    """One provider's jsii assembly."""

    provider: str
    types: dict[str, Any]

    def body(self, kind: str, name: str) -> Body:
        """The body of a resource or data source. KeyError if the provider has none of that name."""
        # google_pubsub_topic is PubsubTopic; the data source google_project is DataGoogleProject.
        short = _camel(f"data_{name}" if kind == "data" else name.removeprefix(f"{self.provider}_"))
        whole = f"@cdktf/provider-{self.provider}.{short}.{short[0].upper()}{short[1:]}"
        return self._body(f"{whole}Config", whole)

    def _body(self, config: str, reference: str) -> Body:
        body: Body = {"arguments": {}, "computed": {}, "blocks": {}}
        for each in self.types[config].get("properties", []):
            name, required = _terraform_name(each), not each.get("optional", False)
            many, struct = self._struct(each["type"])
            if struct:
                inner = self._body(struct, f"{struct}OutputReference")
                body["blocks"][name] = inner | {"many": many, "required": required}
            else:
                body["arguments"][name] = {"type": _type(each["type"]), "required": required}
        of_reference = self._computed(reference)
        body["computed"] = {
            name: of_reference[name] for name in of_reference if name not in body["arguments"] | body["blocks"]
        }
        return body

    def _computed(self, reference: str) -> dict[str, Any]:
        """What can be read of an object, and is no list of arguments' own interfaces."""
        found: dict[str, Any] = {}
        for each in self.types.get(reference, {}).get("properties", []):
            name, declared = each["name"], each["type"]
            if name in _META or name.endswith("Input") or each.get("static"):
                continue
            inner = re.fullmatch(r"(@cdktf/provider-.*)List", declared.get("fqn", ""))
            if inner:
                found[_snake(name)] = self._computed(f"{inner.group(1)}OutputReference")
            elif "@cdktf/provider-" not in json.dumps(declared):
                found[_snake(name)] = _type(declared)
        return found

    def _struct(self, declared: Any) -> tuple[bool, str]:
        """(a list of them, the name of the interface) of a property that is a block; '' where it is none."""
        text = json.dumps(declared)
        names = re.findall(r'"fqn": "(@cdktf/provider-[^"]+)"', text)
        interfaces = [name for name in names if self.types[name]["kind"] == "interface"]
        return '"array"' in text, interfaces[0] if interfaces else ""


def _type(declared: Any) -> str:
    text = json.dumps(declared)
    if '"kind": "map"' in text or "StringMap" in text:
        return "map"
    if '"array"' in text:
        return "list"
    if '"boolean"' in text or "IResolvable" in text:
        return "bool"
    return "number" if '"number"' in text else "string"


def _terraform_name(declared: Any) -> str:
    told = re.search(r"docs/[\w-]+/[\w-]+#(\w+)", declared["docs"].get("remarks", ""))
    return told.group(1) if told else _snake(declared["name"])


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(other[0].upper() + other[1:] for other in others)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: "_" + match.group(1).lower(), name)


def assembly(provider: str, folder: Path) -> Assembly:
    """A provider's assembly, downloaded to `folder`."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    subprocess.run([*command, BINDINGS[provider][0]], check=True)
    (wheel,) = folder.glob(f"cdktf_cdktf_provider_{provider}-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        (name,) = (name for name in packed.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=BytesIO(packed.read(name))) as inner:
            content = inner.extractfile("package/.jsii")
            assert content
            return Assembly(provider, json.load(content)["types"])


def derived() -> str:
    """The file's text, from the bindings: of each resource and data source that is used, its body."""
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        for provider, (_, version) in BINDINGS.items():
            types = assembly(provider, Path(folder))
            wanted = [(kind, name) for each, kind, name in used() if each == provider]
            found[provider] = {"version": version} | {
                kind: {name: types.body(kind, name) for each, name in wanted if each == kind}
                for kind in ("resource", "data")
            }
    return json.dumps(found, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    FILE.write_text(derived(), "utf-8")
