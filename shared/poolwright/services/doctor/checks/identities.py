"""Whether functions and people have the permissions that their work takes."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.services.doctor import permissions
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight

says = Says("IAM")
_NODES, _BUILDS = "nodes run as it", "boot images are built as it"


def check(sight: Sight) -> Iterator[Finding]:
    """You, then the functions, then the service accounts that these hand to Google to run nodes and builds as."""
    for name in sight.projects:
        yield from says.or_ok(_person(sight, name), name, "you may do what the commands do")
    for name in sight.fleets:
        yield from says.or_ok(_functions(sight, name), name, "the functions may do their work")
    for email in sight.node_accounts():
        found = [each for function in permissions.AS_NODES for each in _act_as(sight, email, function, _NODES)]
        yield from says.or_ok(found, email, "templates of ours can be made with it")
    for email in sight.builders():
        found = [each for function in permissions.AS_BUILDER for each in _act_as(sight, email, function, _BUILDS)]
        yield from says.or_ok(found, email, "boot images can be built as it")


def _person(sight: Sight, name: str) -> Iterator[Finding]:
    mine = sight.projects[name].mine
    if isinstance(mine, Unknown):
        yield says.unknown(name, mine)
        return
    wanted = (permissions.PERSON_OWN if name == sight.own else {}) | (
        permissions.PERSON_FLEET if name in sight.fleets else {}
    )
    lacking = {each: role for each, role in wanted.items() if each not in mine}
    if lacking:
        roles = " and ".join(sorted(set(lacking.values())))
        what = f"you lack {', '.join(sorted(lacking))}: some commands will be refused"
        yield says.warning(name, what, f"Ask whoever owns {name} for {roles}")


def _functions(sight: Sight, name: str) -> Iterator[Finding]:
    project = sight.projects[name]
    if isinstance(project.policy, Unknown):
        yield says.unknown(name, project.policy)
        return
    roles = {} if isinstance(project.roles, Unknown) else project.roles
    for function, always in permissions.FUNCTIONS.items():
        by_name = function in permissions.IN_CLUSTERS and _has_dns_endpoint(sight, name)
        wanted = always | permissions.CONNECT if by_name else always
        email = sight.identity(function)
        granted = permissions.granted(project.policy, email, roles)
        lacking = granted.lacks(wanted)
        if lacking and granted.unread:
            why = f"{email} has {', '.join(granted.unread)}; whether {', '.join(lacking)} is in there is not known here"
            yield says.unknown(name, Unknown(why, f"gcloud iam roles describe {granted.unread[0]}"))
        elif lacking:
            what = f"function {function} ({email}) lacks {', '.join(lacking)}"
            yield says.problem(name, what, f"terraform apply: {name} must be among fleet_projects (docs/deploy.md)")
        elif granted.all:
            what = f"function {function} ({email}) is owner or editor, and needs {len(wanted)} permissions and few more"
            yield says.warning(name, what, "Give it the custom role that Terraform makes (docs/security.md)")


def _has_dns_endpoint(sight: Sight, project: str) -> bool:
    """Whether one of its clusters is reached by name."""
    here = [each.gke for each in sight.clusters if each.ref.project == project]
    return any(not isinstance(each, Unknown) and bool(each.endpoints.dns) for each in here)


def _act_as(sight: Sight, email: str, function: str, use: str) -> Iterator[Finding]:
    """By the account's policy, or by a project's (https://cloud.google.com/iam/docs/service-accounts-actas)."""
    who = sight.identity(function)
    policies = [sight.accounts[email], *(sight.projects[name].policy for name in sight.fleets)]
    known = [each for each in policies if not isinstance(each, Unknown)]
    if any(not permissions.ACT_AS.isdisjoint(permissions.roles_of(each, who)) for each in known):
        return
    if unknown := [each for each in policies if isinstance(each, Unknown)]:
        yield says.unknown(email, unknown[0])
        return
    todo = (
        f"gcloud iam service-accounts add-iam-policy-binding {email} --member serviceAccount:{who} "
        f"--role roles/iam.serviceAccountUser"
    )
    yield says.problem(email, f"{use}, and {who} may not act as it", todo)
