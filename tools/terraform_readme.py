"""The table of inputs and outputs in each Terraform module's README, from its variables.tf and outputs.tf.

python tools/terraform_readme.py      rewrites what stands between the two marks
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parent.parent / "terraform"
BEGIN, END = "<!-- inputs and outputs: make terraform-docs -->", "<!-- end of inputs and outputs -->"


def modules(root: Path = ROOT) -> list[Path]:
    """The folders that have variables: modules and examples."""
    return sorted(path.parent for path in root.glob("*/*/variables.tf"))


def declared(module: Path, kind: str) -> dict[str, dict[str, Any]]:
    """Name -> body of a module's blocks of a kind (variable, output)."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(module.glob("*.tf")):
        for block in hcl2.loads(path.read_text("utf-8")).get(kind, []):
            for name, body in block.items():
                if name != "__is_block__":
                    found[unquoted(name)] = body
    return found


def unquoted(value: Any) -> Any:
    """A literal without its quotes, an expression without its braces."""
    if isinstance(value, str) and value.startswith('"'):
        return json.loads(value)
    if isinstance(value, str) and value.startswith("${") and value.endswith("}"):
        return value[2:-1]
    return value


def tables(module: Path) -> str:
    """The tables of a module, in Markdown."""
    lines = ["| input | meaning | type | default |", "|---|---|---|---|"]
    for name, body in sorted(declared(module, "variable").items()):
        default = f"`{_shown(body['default'])}`" if "default" in body else "required"
        kind = str(unquoted(body["type"])).replace("|", "\\|")
        lines.append(f"| `{name}` | {unquoted(body['description'])} | `{kind}` | {default} |")
    lines += ["", "| output | meaning |", "|---|---|"]
    for name, body in sorted(declared(module, "output").items()):
        lines.append(f"| `{name}` | {unquoted(body['description'])} |")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    plain = unquoted(value)
    return plain if isinstance(plain, str) and plain and plain != value[1:-1] else json.dumps(plain)


def written(readme: str, module: Path) -> str:
    """The README's text with the module's tables between the marks. ValueError where it has no marks."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{module / 'README.md'} lacks the marks {BEGIN} and {END}; put them where the tables belong")
    return f"{before}{BEGIN}\n\n{tables(module)}\n\n{END}{after}"


def main() -> None:
    """Rewrite every module's README."""
    for module in modules():
        path = module / "README.md"
        path.write_text(written(path.read_text("utf-8"), module), "utf-8")


if __name__ == "__main__":
    main()
