import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poolwright.events import work
from poolwright.events.envelope import Message
from poolwright.events.work import ClusterWork, GroupWork, ProvisionerWork, RetentionWork, RolloutWork, TargetWork, Work
from poolwright.verdicts import Refused
from tests.payloads.samples import PUBLISHED, message

TEXT = st.text(min_size=1)
ANY_WORK: st.SearchStrategy[Work] = st.one_of(
    st.builds(RolloutWork, rollout=TEXT, cause=st.text()),
    st.builds(TargetWork, rollout=TEXT, group=TEXT, cause=st.text()),
    st.builds(
        GroupWork,
        project=TEXT,
        zone=TEXT,
        name=TEXT,
        location=TEXT,
        cluster=TEXT,
        pool=TEXT,
        cause=st.text(),
    ),
    st.builds(ProvisionerWork, project=TEXT, location=TEXT, cluster=TEXT, name=TEXT, cause=st.text()),
    st.builds(ClusterWork, project=TEXT, location=TEXT, cluster=TEXT, cause=st.text()),
    st.builds(RetentionWork, environment=TEXT, cause=st.text()),
)


@given(ANY_WORK)
def test_work_survives_the_journey(sent: Work) -> None:
    data, attributes = work.encode(sent)
    arrived = Message(id="1", publish_time=PUBLISHED, attributes=attributes, data=data, subscription="s")
    assert work.decode(arrived) == sent
    assert attributes == {"kind": sent.kind}


def test_the_message_is_plain_json() -> None:
    data, _ = work.encode(RolloutWork(rollout="dev-42", cause="wave 2 finished baking"))
    assert json.loads(data) == {"kind": "rollout", "rollout": "dev-42", "cause": "wave 2 finished baking"}


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({}, "kind"),
        ({"kind": "nap"}, "kind"),
        ({"kind": ["rollout"]}, "kind"),
        ({"kind": "rollout", "cause": "x"}, "rollout"),
        ({"kind": "rollout", "rollout": "", "cause": "x"}, "rollout"),
        ({"kind": "rollout", "rollout": 4, "cause": "x"}, "rollout"),
        ({"kind": "rollout", "rollout": "dev-42"}, "cause"),
        ({"kind": "target", "rollout": "dev-42", "cause": "x"}, "group"),
        ({"kind": "provisioner", "project": "p", "location": "l", "cluster": "c", "cause": "x"}, "name"),
    ],
)
def test_work_that_names_nothing_is_refused_by_the_name_of_the_field(fields: dict[str, Any], where: str) -> None:
    with pytest.raises(Refused) as caught:
        work.decode(message({"attributes": {}, "data": fields}))
    assert caught.value.where == where
