"""Whether every message finds its function, and none is lost (https://cloud.google.com/pubsub/docs/subscription-properties)."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.references import last_part
from poolwright.services.doctor import expected, permissions
from poolwright.services.doctor.expected import DEAD_LETTERS, FUNCTION_SECONDS, MOST_WAIT, SUBSCRIPTIONS, Subscription
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight
from poolwright.services.ports import Json

says = Says("subscriptions")
APPLY = "terraform apply (docs/deploy.md)"


def check(sight: Sight) -> Iterator[Finding]:
    """Topic by topic; then dead letters, who publishes, and what waits."""
    topics, listed = sight.deployed.topics, sight.deployed.subscriptions
    if isinstance(topics, Unknown):
        yield says.unknown(sight.own, topics)
    elif isinstance(listed, Unknown):
        yield says.unknown(sight.own, listed)
    else:
        for wanted in SUBSCRIPTIONS:
            found = _of_topic(sight, wanted, topics, listed)
            yield from says.or_ok(found, wanted.topic, f"its messages reach {wanted.function}")
        yield from says.or_ok(_dead_letters(sight, topics, listed), DEAD_LETTERS, "dead letters are kept, none waits")
    yield from says.or_ok(_publishers(sight), sight.own, "Google's agents may publish to the topics")
    yield from says.or_ok(_notifications(sight), sight.own, "GKE tells of its clusters' upgrades")
    yield from says.or_ok(_late(sight), sight.own, f"no message is older than {MOST_WAIT:g} s")


def _of_topic(sight: Sight, wanted: Subscription, topics: list[str], listed: list[Json]) -> Iterator[Finding]:
    if expected.topic(sight.own, wanted.topic) not in topics:
        yield says.problem(wanted.topic, f"there is no such topic in {sight.own}", APPLY)
    for project in dict.fromkeys((sight.own, *(sight.fleets if wanted.everywhere else ()))):
        topic = expected.topic(project, wanted.topic)
        pushed = [each for each in listed if each["topic"] == topic and _pushes(each)]
        if not pushed and (project != sight.own or topic in topics):
            what = f"no subscription pushes the messages of {topic} to function {wanted.function}"
            yield says.problem(wanted.topic, what, APPLY)
        for each in pushed:
            yield from _settings(each, wanted)
            yield from _endpoint(sight, each, wanted)


def _pushes(subscription: Json) -> bool:
    return bool(subscription.get("pushConfig", {}).get("pushEndpoint"))


def _settings(subscription: Json, wanted: Subscription) -> Iterator[Finding]:
    where = last_part(subscription["name"])
    update = f"gcloud pubsub subscriptions update {where}"
    if subscription.get("detached") or subscription.get("state", "ACTIVE") != "ACTIVE":
        yield says.problem(
            where, f"it is {'detached' if subscription.get('detached') else subscription['state']}", APPLY
        )
    yield from _expiry(subscription)
    if int(subscription.get("ackDeadlineSeconds", 10)) <= FUNCTION_SECONDS:
        what = f"its ack deadline is no longer than a function may run ({FUNCTION_SECONDS} s): messages come twice"
        yield says.problem(where, what, f"{update} --ack-deadline=90")
    if "retryPolicy" not in subscription:
        what = "it has no backoff: what fails is tried again at once"
        yield says.warning(where, what, f"{update} --min-retry-delay=10s --max-retry-delay=600s")
    if "deadLetterPolicy" not in subscription:
        what = "it has no dead-letter topic: a message that can never succeed comes for a week"
        yield says.problem(where, what, f"{update} --dead-letter-topic={DEAD_LETTERS} --max-delivery-attempts=20")
    if not subscription["pushConfig"].get("oidcToken", {}).get("serviceAccountEmail"):
        yield says.problem(where, "it pushes as nobody, and only an identity of ours may invoke a function", APPLY)
    yield from _filter(where, subscription.get("filter", ""), wanted)


def _expiry(subscription: Json) -> Iterator[Finding]:
    if "ttl" in subscription.get("expirationPolicy", {"ttl": ""}):
        where = last_part(subscription["name"])
        todo = f"gcloud pubsub subscriptions update {where} --expiration-period=never"
        yield says.problem(where, "it expires when it is idle for long", todo)


def _filter(where: str, text: str, wanted: Subscription) -> Iterator[Finding]:
    """A filter cannot be changed, so the subscription is made anew."""
    lost = [each for each in wanted.passes if f'"{each}"' not in text and f'/{each}"' not in text] if text else []
    if text and not wanted.passes:
        yield says.problem(where, f"its filter lets not everything pass: {text}", APPLY)
    elif lost:
        yield says.problem(where, f"its filter does not let {', '.join(lost)} pass: {text}", APPLY)
    elif wanted.passes and not text:
        yield says.warning(where, "it has no filter: the function is woken for messages that say nothing to it", APPLY)


def _endpoint(sight: Sight, subscription: Json, wanted: Subscription) -> Iterator[Finding]:
    where, url = last_part(subscription["name"]), subscription["pushConfig"]["pushEndpoint"]
    plain = url.partition("?")[0]  # some keep a token behind it
    functions = sight.deployed.functions
    if isinstance(functions, Unknown):
        return
    function = sight.function(wanted.function)
    if function is None:
        what = f"function {wanted.function} is not deployed in {sight.own} as a Cloud Function; it pushes to {plain}"
        yield says.warning(where, what, APPLY)
    elif function.get("state", "ACTIVE") != "ACTIVE":
        yield says.problem(where, f"function {wanted.function} is {function['state']}", "gcloud functions list --v2")
    elif url.rstrip("/") not in _addresses(function):
        yield says.problem(where, f"it pushes to {plain}, which is not function {wanted.function}", APPLY)


def _addresses(function: Json) -> set[str]:
    """A function has two: its service's, and its own (https://cloud.google.com/functions/docs/calling/http)."""
    return {str(each).rstrip("/") for each in (function.get("serviceConfig", {}).get("uri"), function.get("url"))}


def _dead_letters(sight: Sight, topics: list[str], listed: list[Json]) -> Iterator[Finding]:
    topic = expected.topic(sight.own, DEAD_LETTERS)
    own = [each for each in listed if each["topic"] == topic]
    if topic not in topics:
        yield says.problem(DEAD_LETTERS, f"there is no such topic in {sight.own}", APPLY)
    elif not own:
        yield says.problem(DEAD_LETTERS, "it has no subscription: dead letters are lost", APPLY)
    for each in own:
        yield from _expiry(each)
    waiting = {} if isinstance(sight.deployed.waiting, Unknown) else sight.deployed.waiting
    for each in own:
        name = last_part(each["name"])
        if many := int(waiting.get(name, 0)):
            what = f"{many} dead letter{'s wait' if many > 1 else ' waits'}; their attributes poolwright-* say why"
            yield says.warning(name, what, f"gcloud pubsub subscriptions pull {name} --limit 10 --project {sight.own}")


def _publishers(sight: Sight) -> Iterator[Finding]:
    """https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions,
    https://cloud.google.com/monitoring/support/notification-options#pubsub"""
    for topic, project, agent in expected.agents(sight.own, sight.fleets):
        number = sight.projects[project].number
        if isinstance(number, Unknown):
            yield says.unknown(last_part(topic), number)
        else:
            yield from _may_publish(sight, topic, agent.format(number))

    yield from _sinks(sight)


def _sinks(sight: Sight) -> Iterator[Finding]:
    """Whoever writes for a log sink; its email tells of which service, not always of which project
    (https://cloud.google.com/logging/docs/export/configure_export_v2#dest-auth)."""
    policy = sight.deployed.publishers[expected.topic(sight.own, expected.AUDIT_TOPIC)]
    if isinstance(policy, Unknown):
        if not policy.absent:
            yield says.unknown(expected.AUDIT_TOPIC, policy)
    elif not any(each.endswith(expected.SINK_AGENTS) for each in permissions.publishers(policy)):
        what = "no log sink may publish to it: a new or upgraded node pool is learned of by the tick alone"
        yield says.problem(expected.AUDIT_TOPIC, what, APPLY)


def _may_publish(sight: Sight, topic: str, email: str) -> Iterator[Finding]:
    """By the topic's policy, or by the policy of the project that has it."""
    name, project = last_part(topic), topic.split("/")[1]
    policies = [sight.deployed.publishers[topic], sight.projects[project].policy]
    if isinstance(policies[0], Unknown) and policies[0].absent:
        return  # which was said of the topic
    known = [each for each in policies if not isinstance(each, Unknown)]
    if any(not permissions.PUBLISH.isdisjoint(permissions.roles_of(each, email)) for each in known):
        return
    if unknown := [each for each in policies if isinstance(each, Unknown)]:
        yield says.unknown(name, unknown[0])
        return
    todo = (
        f"gcloud pubsub topics add-iam-policy-binding {name} --project {project} "
        f"--member serviceAccount:{email} --role roles/pubsub.publisher"
    )
    yield says.problem(name, f"{email} may not publish to it", todo)


def _notifications(sight: Sight) -> Iterator[Finding]:
    """https://cloud.google.com/kubernetes-engine/docs/concepts/cluster-notifications"""
    for cluster in sight.clusters:
        if isinstance(cluster.gke, Unknown) or last_part(cluster.gke.notifications) == expected.GKE_TOPIC:
            continue
        ref, told = cluster.ref, cluster.gke.notifications
        topic = expected.topic(ref.project, expected.GKE_TOPIC)
        what = f"its notifications go to {told}, not to {topic}" if told else "it sends no notifications"
        todo = (
            f"gcloud container clusters update {ref.name} --location {ref.location} --project {ref.project} "
            f"--notification-config pubsub=ENABLED,pubsub-topic={topic}"
        )
        yield says.warning(ref.name, f"{what}: upgrades are learned of from the audit log alone", todo)


def _late(sight: Sight) -> Iterator[Finding]:
    """Pub/Sub's own metrics; a subscription without a point has nothing waiting."""
    oldest = sight.deployed.oldest
    if isinstance(oldest, Unknown):
        if not oldest.absent:
            yield says.unknown(sight.own, oldest)
        return
    for name, seconds in sorted(oldest.items()):
        if seconds > MOST_WAIT and name != DEAD_LETTERS:
            what = f"its oldest message has waited for {seconds:g} s"
            yield says.problem(name, what, "Look at the function's log: docs/recover.md")
