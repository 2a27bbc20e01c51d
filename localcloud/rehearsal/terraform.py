"""`terraform` in a rehearsal: init, apply, output and destroy of terraform/examples/minimal, on the stand-in.

The real one needs Google's provider, which comes from HashiCorp's registry alone. This one reads the same inputs, and
makes what the modules make (modules.py).
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import hcl2

from localcloud.deployment import SUBSCRIPTIONS
from localcloud.rehearsal import modules

Json = dict[str, Any]
VARIABLES = "terraform.tfvars"


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status."""
    given = _parser().parse_args(arguments)
    try:
        return int(COMMANDS[given.command](given) or 0)
    except modules.Wrong as wrong:
        print(f"Error: {wrong}", file=sys.stderr)
        return 1


def inputs(module: Path) -> Json:
    """The values of the module's variables: terraform.tfvars, else their defaults. modules.Wrong."""
    declared: Json = {}
    for block in hcl2.loads((module / "variables.tf").read_text("utf-8"))["variable"]:
        declared |= {_text(name): body for name, body in block.items() if name != "__is_block__"}
    path = module / VARIABLES
    told = {name: _plain(value) for name, value in hcl2.loads(path.read_text("utf-8")).items()} if path.exists() else {}
    if strange := sorted(told.keys() - declared.keys() - {"__is_block__"}):
        raise modules.Wrong(f"{path} gives {', '.join(strange)}, which {module / 'variables.tf'} does not declare")
    if missing := [name for name, body in declared.items() if name not in told and "default" not in body]:
        raise modules.Wrong(f"no value for {', '.join(missing)}: give them in {path}")
    return {name: told[name] if name in told else _plain(body["default"]) for name, body in declared.items()}


def _text(value: str) -> str:
    return str(json.loads(value)) if value.startswith('"') else value


def _plain(value: Any) -> Any:
    """A value as hcl2 reads it, without the quotes that it keeps."""
    if isinstance(value, dict):
        return {_text(key): _plain(each) for key, each in value.items() if key != "__is_block__"}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return _text(value) if isinstance(value, str) else value


def _init(given: argparse.Namespace) -> None:
    if not (given.chdir / "variables.tf").exists():
        raise modules.Wrong(f"{given.chdir} is no module: it has no variables.tf")
    print("Rehearsal: no provider is needed.")


def _apply(given: argparse.Namespace) -> None:
    values = inputs(given.chdir)
    project = modules.manifest()["project"]
    if values["project_id"] != project:
        raise modules.Wrong(f"the rehearsal's project is {project}, and project_id is {values['project_id']}")
    archive = (given.chdir / values["archive"]).resolve()
    if not archive.is_file():
        raise modules.Wrong(f"{archive} is missing; make package writes it")
    modules.put_bucket(f"{project}-poolwright-builds")
    functions = modules.deploy(archive)
    modules.install(project, values["kube_context"], values["provisioners"])
    policies = modules.watch(project, values["cluster"], values["provisioners"])
    print(f"Apply complete! {functions} functions, {len(SUBSCRIPTIONS)} push subscriptions, {policies} alert policies.")


def _output(given: argparse.Namespace) -> None:
    """The outputs that docs/deploy.md asks for."""
    manifest = modules.manifest()
    known = {
        "store": manifest["env"]["POOLWRIGHT_STORE"],
        "build_service_account": f"poolwright-builder@{manifest['project']}.iam.gserviceaccount.com",
    }
    if given.name not in known:
        raise modules.Wrong(f"a rehearsal has no output {given.name!r}; there are {', '.join(known)}")
    print(known[given.name], end="")


def _destroy(given: argparse.Namespace) -> None:
    modules.remove(inputs(given.chdir)["kube_context"])
    print("Destroy complete!")


COMMANDS = {"init": _init, "apply": _apply, "output": _output, "destroy": _destroy}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="terraform", description="Terraform, as a rehearsal has it.")
    parser.add_argument("-chdir", type=Path, default=Path(), metavar="DIR")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        command = commands.add_parser(name)
        if name == "output":
            command.add_argument("-raw", action="store_true")
            command.add_argument("name")
    return parser


if __name__ == "__main__":
    sys.exit(main())
