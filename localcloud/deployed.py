"""What else Terraform makes of poolwright, to look at: functions, the scheduler's job, roles and who has them.

Each API answers from a table of the world, which `PUT /tables/T` of the control host fills; `tables` says with what.

https://cloud.google.com/functions/docs/reference/rest/v2/projects.locations.functions
https://cloud.google.com/scheduler/docs/reference/rest/v1/projects.locations.jobs
https://cloud.google.com/iam/docs/reference/rest
https://cloud.google.com/resource-manager/docs/reference/orgpolicy/rest/v2/projects.policies
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from localcloud import resource_manager, service_usage
from localcloud.deployment import FUNCTIONS, identity
from localcloud.plain import Json, PlainApi
from localcloud.world import World

FUNCTIONS_TABLE, JOBS = "cloudfunctions.functions", "cloudscheduler.jobs"
ROLES, ACCOUNTS, CONSTRAINTS = "iam.roles", "iam.accountPolicies", "orgpolicy.policies"
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


def tables(
    *,
    project: str,
    number: str,
    region: str,
    urls: Mapping[str, str],
    permissions: Mapping[str, Iterable[str]],
) -> dict[str, Json]:
    """Table -> rows, as Terraform leaves a project. `urls`: where each function is; `permissions`: what the role of
    each function has; nodes run as Compute's default service account."""
    place = f"projects/{project}/locations/{region}"
    functions = {
        f"{place}/functions/{_dashed(each)}": _function(project, place, each, urls[each]) for each in FUNCTIONS
    }
    job: Json = {
        "name": f"{place}/jobs/poolwright-tick",
        "schedule": "* * * * *",
        "state": "ENABLED",
        "pubsubTarget": {"topicName": f"projects/{project}/topics/ticks"},
    }
    roles = {f"projects/{project}/roles/poolwright_{each}": sorted(has) for each, has in permissions.items()}
    bindings = [
        {"role": role, "members": [f"serviceAccount:{identity(role.rpartition('poolwright_')[2], project)}"]}
        for role in roles
    ]
    agents = [
        f"service-{number}@{agent}.iam.gserviceaccount.com"
        for agent in ("gcp-sa-pubsub", "container-engine-robot", "gcp-sa-monitoring-notification")
    ]
    bindings.append({"role": "roles/pubsub.publisher", "members": [f"serviceAccount:{each}" for each in agents]})
    step = {"role": "roles/iam.serviceAccountUser", "members": [f"serviceAccount:{identity('step', project)}"]}
    return {
        FUNCTIONS_TABLE: functions,
        JOBS: {job["name"]: job},
        ROLES: {name: {"name": name, "includedPermissions": has} for name, has in roles.items()},
        resource_manager.POLICIES: {project: {"version": 3, "bindings": bindings}},
        ACCOUNTS: {f"{number}-compute@developer.gserviceaccount.com": {"version": 1, "bindings": [step]}},
        service_usage.TABLE: {f"{each}.googleapis.com": "ENABLED" for each in _OWN_APIS},
    }


def _function(project: str, place: str, name: str, url: str) -> Json:
    return {
        "name": f"{place}/functions/{_dashed(name)}",
        "state": "ACTIVE",
        "environment": "GEN_2",
        "buildConfig": {"runtime": "python312", "entryPoint": name},
        "serviceConfig": {"uri": url, "serviceAccountEmail": identity(name, project)},
    }


def _dashed(function: str) -> str:
    return f"poolwright-{function.replace('_', '-')}"
