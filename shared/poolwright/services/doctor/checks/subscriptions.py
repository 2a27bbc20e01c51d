"""Whether every message finds its function, and none is lost (https://cloud.google.com/pubsub/docs/subscription-properties)."""

from __future__ import annotations

from collections.abc import Iterator

from poolwright.references import last_part
from poolwright.services.doctor import permissions
from poolwright.services.doctor.expected import (
    AGENTS,
    DEAD_LETTERS,
    FUNCTION_SECONDS,
    MOST_WAIT,
    PUBSUB_AGENT,
    SUBSCRIPTIONS,
    Subscription,
)
from poolwright.services.doctor.findings import Finding, Says, Unknown
from poolwright.services.doctor.sight import Sight
from poolwright.services.ports import Json

says = Says("subscriptions")
APPLY = "terraform apply (docs/deploy.md)"


def check(sight: Sight) -> Iterator[Finding]:
    """Topic by topic; then dead letters, who may publish, and what waits."""
    topics, listed = sight.deployed.topics, sight.deployed.subscriptions
    if isinstance(topics, Unknown) or isinstance(listed, Unknown):
        seen = topics if isinstance(topics, Unknown) else listed
        assert isinstance(seen, Unknown)
        yield says.unknown(sight.own, seen)
    else:
        names = {last_part(topic) for topic in topics}
        for wanted in SUBSCRIPTIONS:
            found = _of_topic(sight, wanted, names, listed)
            yield from says.or_ok(found, wanted.topic, f"its messages reach {wanted.function}")
        yield from says.or_ok(_dead_letters(sight, names, listed), DEAD_LETTERS, "dead letters are kept, none waits")
    for topic in AGENTS:
        yield from says.or_ok(_publishers(sight, topic), topic, "its publishers may publish")
    yield from says.or_ok(_late(sight), sight.own, f"no message is older than {MOST_WAIT:g} s")


def _of_topic(sight: Sight, wanted: Subscription, topics: set[str], listed: list[Json]) -> Iterator[Finding]:
    if wanted.topic not in topics:
        yield says.problem(wanted.topic, f"there is no such topic in {sight.own}", APPLY)
        return
    pushed = [
        each for each in listed if each["topic"] == f"projects/{sight.own}/topics/{wanted.topic}" and _pushes(each)
    ]
    if not pushed:
        yield says.problem(wanted.topic, f"no subscription pushes its messages to function {wanted.function}", APPLY)
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
    if "ttl" in subscription.get("expirationPolicy", {"ttl": ""}):
        yield says.problem(where, "it expires when it is idle for long", f"{update} --expiration-period=never")
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
    functions = sight.deployed.functions
    if isinstance(functions, Unknown):
        return
    function = sight.function(wanted.function)
    if function is None:
        what = f"function {wanted.function} is not deployed in {sight.own} as a Cloud Function; it pushes to {url}"
        yield says.warning(where, what, APPLY)
    elif function.get("state", "ACTIVE") != "ACTIVE":
        yield says.problem(where, f"function {wanted.function} is {function['state']}", "gcloud functions list --v2")
    elif url.rstrip("/") not in {function.get("serviceConfig", {}).get("uri", ""), function.get("url", "")}:
        yield says.problem(where, f"it pushes to {url}, which is not function {wanted.function}", APPLY)


def _dead_letters(sight: Sight, topics: set[str], listed: list[Json]) -> Iterator[Finding]:
    topic = f"projects/{sight.own}/topics/{DEAD_LETTERS}"
    own = [each for each in listed if each["topic"] == topic]
    if DEAD_LETTERS not in topics:
        yield says.problem(DEAD_LETTERS, f"there is no such topic in {sight.own}", APPLY)
    elif not own:
        yield says.problem(DEAD_LETTERS, "it has no subscription: dead letters are lost", APPLY)
    yield from _forwarder(sight)
    waiting = {} if isinstance(sight.deployed.waiting, Unknown) else sight.deployed.waiting
    for each in own:
        name = last_part(each["name"])
        if many := int(waiting.get(name, 0)):
            what = f"{many} dead letter{'s wait' if many > 1 else ' waits'}; their attributes poolwright-* say why"
            yield says.warning(name, what, f"gcloud pubsub subscriptions pull {name} --limit 10 --project {sight.own}")


def _forwarder(sight: Sight) -> Iterator[Finding]:
    """https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions"""
    number = sight.projects[sight.own].number
    if not isinstance(number, Unknown):
        yield from _may_publish(sight, DEAD_LETTERS, PUBSUB_AGENT.format(number))


def _publishers(sight: Sight, topic: str) -> Iterator[Finding]:
    for name in sight.fleets:
        number = sight.projects[name].number
        if isinstance(number, Unknown):
            yield says.unknown(topic, number)
        else:
            yield from _may_publish(sight, topic, AGENTS[topic].format(number))


def _may_publish(sight: Sight, topic: str, email: str) -> Iterator[Finding]:
    """By the topic's policy, or by the project's."""
    policy, whole = sight.deployed.publishers[topic], sight.projects[sight.own].policy
    if not isinstance(whole, Unknown) and not permissions.PUBLISH.isdisjoint(permissions.roles_of(whole, email)):
        return
    if isinstance(policy, Unknown):
        if not policy.absent:  # a topic that is not there was said to be
            yield says.unknown(topic, policy)
    elif not permissions.PUBLISH.isdisjoint(permissions.roles_of(policy, email)):
        return
    elif isinstance(whole, Unknown):
        yield says.unknown(topic, whole)
    else:
        todo = (
            f"gcloud pubsub topics add-iam-policy-binding {topic} --project {sight.own} "
            f"--member serviceAccount:{email} --role roles/pubsub.publisher"
        )
        yield says.problem(topic, f"{email} may not publish to it", todo)


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
