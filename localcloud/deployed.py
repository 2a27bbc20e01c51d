"""What else Terraform makes of poolwright, to look at: functions, the scheduler's job, roles and who has them.

Each API answers from a table of the world, which `put` fills through the control host.

https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs
https://cloud.google.com/iam/docs/reference/rest
https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies
"""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from localcloud import resource_manager, service_usage
from localcloud.deployment import identity
from localcloud.plain import Json, PlainApi
from localcloud.world import World

FUNCTIONS_TABLE, JOBS = "cloudfunctions.functions", "cloudscheduler.jobs"
ROLES, ACCOUNTS, CONSTRAINTS = "iam.roles", "iam.accountPolicies", "orgpolicy.policies"
REGION = "us-central1"  # of functions and job
PERMISSIONS = Path(__file__).parents[1] / "terraform" / "modules" / "poolwright" / "permissions.yaml"
_PUBLISHING = ("gcp-sa-pubsub", "container-engine-robot", "gcp-sa-monitoring-notification")
_OWN_APIS = ("artifactregistry", "cloudfunctions", "cloudscheduler", "firestore", "iam", "run", "secretmanager")


def apis(world: World) -> list[tuple[str, PlainApi]]:
    """Host and API of each."""

    def functions(found: re.Match[str], params: Json) -> Json:
        return {"functions": _under(world, FUNCTIONS_TABLE, f"projects/{found['project']}/")}

    def jobs(found: re.Match[str], params: Json) -> Json:
        return {"jobs": _under(world, JOBS, f"projects/{found['project']}/locations/{found['location']}/")}

    def roles(found: re.Match[str], params: Json) -> Json:
        return {"roles": _under(world, ROLES, f"projects/{found['project']}/")}

    def account(found: re.Match[str], params: Json) -> Json:
        policy: Json = world.table(ACCOUNTS).get(found["email"], {"etag": "ACAB"})
        return policy

    def constraint(found: re.Match[str], params: Json) -> Json:
        name = found["constraint"]
        spec = world.table(CONSTRAINTS).get(name, {"rules": [{"allowAll": True}]})
        return {"name": f"projects/{found['project']}/policies/{name}", "spec": spec}

    project, policies = r"projects/(?P<project>[^/]+)", r"policies/(?P<constraint>[^/:]+):getEffectivePolicy"
    routes = {
        "cloudfunctions.googleapis.com": {f"GET /v2/{project}/locations/-/functions": ("functions.List", functions)},
        "cloudscheduler.googleapis.com": {f"GET /v1/{project}/locations/(?P<location>[^/]+)/jobs": ("jobs.List", jobs)},
        "iam.googleapis.com": {
            f"GET /v1/{project}/roles": ("roles.List", roles),
            r"POST /v1/projects/-/serviceAccounts/(?P<email>[^/:]+):getIamPolicy": (
                "service_accounts.GetIamPolicy",
                account,
            ),
        },
        "orgpolicy.googleapis.com": {f"GET /v2/{project}/{policies}": ("policies.GetEffectivePolicy", constraint)},
    }
    return [(host, PlainApi(world, host, each)) for host, each in routes.items()]


def _under(world: World, table: str, start: str) -> list[Json]:
    return [each for name, each in sorted(world.table(table).items()) if name.startswith(start)]


def put(endpoints: Mapping[str, str], project: str, urls: Mapping[str, str], *, variables: Iterable[str]) -> None:
    """Tell a running stand-in what Terraform has made; `urls`: where each function is; `variables`: what it is told
    by, whose values are nobody's business."""
    control = endpoints["localcloud"]
    shown = f"{endpoints[resource_manager.HOST]}/v3/projects/{project}"
    with urllib.request.urlopen(shown, timeout=30) as answer:  # noqa: S310
        number = json.loads(answer.read())["name"].rpartition("/")[2]
    for table, rows in tables(project=project, number=number, urls=urls, variables=variables).items():
        body = json.dumps(rows).encode()
        request = urllib.request.Request(f"{control}/tables/{table}", data=body, method="PUT")  # noqa: S310
        urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def tables(*, project: str, number: str, urls: Mapping[str, str], variables: Iterable[str] = ()) -> dict[str, Json]:
    """Table -> rows, as Terraform leaves a project; nodes run as Compute's default service account."""
    place = f"projects/{project}/locations/{REGION}"
    job: Json = {
        "name": f"{place}/jobs/poolwright-tick",
        "schedule": "* * * * *",
        "state": "ENABLED",
        "pubsubTarget": {"topicName": f"projects/{project}/topics/ticks"},
    }
    given = yaml.safe_load(PERMISSIONS.read_text("utf-8"))["functions"]
    roles = {f"projects/{project}/roles/poolwright_{name}": (name, each["fleet"]) for name, each in given.items()}
    bindings = [
        {"role": role, "members": [f"serviceAccount:{identity(name, project)}"]} for role, (name, _) in roles.items()
    ]
    agents = [f"serviceAccount:service-{number}@{each}.iam.gserviceaccount.com" for each in _PUBLISHING]
    bindings.append({"role": "roles/pubsub.publisher", "members": agents})
    bindings.append({"role": "roles/editor", "members": [f"serviceAccount:{number}@cloudservices.gserviceaccount.com"]})
    writer = f"serviceAccount:service-{number}@gcp-sa-logging.iam.gserviceaccount.com"
    sink = {"role": "roles/pubsub.publisher", "members": [writer]}
    accounts = {
        "node": f"{number}-compute@developer.gserviceaccount.com",
        "builder": f"poolwright-builder@{project}.iam.gserviceaccount.com",
    }
    users = {kind: [name for name, each in given.items() if kind in each["acts_as"]] for kind in accounts}
    return {
        FUNCTIONS_TABLE: {
            f"{place}/functions/{_dashed(each)}": _function(project, place, each, urls[each], variables)
            for each in urls
        },
        JOBS: {job["name"]: job},
        ROLES: {role: {"name": role, "includedPermissions": has} for role, (_, has) in roles.items()},
        resource_manager.POLICIES: {project: {"version": 3, "bindings": bindings}},
        "pubsub.policies": {f"projects/{project}/topics/gke-audit": {"etag": "ACAB", "bindings": [sink]}},
        ACCOUNTS: {email: _used_by(users[kind], project) for kind, email in accounts.items()},
        service_usage.TABLE: {f"{each}.googleapis.com": "ENABLED" for each in _OWN_APIS},
    }


def _used_by(functions: Iterable[str], project: str) -> Json:
    """The policy of an account that functions may act as."""
    members = [f"serviceAccount:{identity(each, project)}" for each in functions]
    return {"version": 1, "bindings": [{"role": "roles/iam.serviceAccountUser", "members": members}]}


def _function(project: str, place: str, name: str, url: str, variables: Iterable[str]) -> Json:
    return {
        "name": f"{place}/functions/{_dashed(name)}",
        "state": "ACTIVE",
        "environment": "GEN_2",
        "buildConfig": {"runtime": "python312", "entryPoint": name},
        "serviceConfig": {
            "uri": url,
            "serviceAccountEmail": identity(name, project),
            "environmentVariables": dict.fromkeys(variables, ""),
        },
    }


def _dashed(function: str) -> str:
    return f"poolwright-{function.replace('_', '-')}"
