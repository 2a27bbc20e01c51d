"""After a rotation of credentials, templates issued before it yield no nodes."""

from __future__ import annotations

import base64
import ssl
import urllib.request

import pytest
from google.api_core import exceptions

from tests.contract.gke.conftest import CLUSTER, POOL, Stage


def grow(stage: Stage) -> None:
    for url in stage.rest.get_node_pool(name=POOL).instance_group_urls:
        parts = url.split("/")
        stage.served.call(stage.compute.resize, parts[-3], parts[-1], 2)
    stage.advance(1200)


def test_new_templates_join_and_those_from_before_do_not(stage: Stage) -> None:
    (url, other) = stage.rest.get_node_pool(name=POOL).instance_group_urls
    old = stage.template(url)
    copy = {"name": "kept", "properties": old["properties"]}
    kept = stage.served.call(stage.compute.insert_instance_template, copy)["selfLink"]
    stage.done(stage.rest.start_ip_rotation(request={"name": CLUSTER, "rotate_credentials": True}))
    assert stage.template(url)["name"] != old["name"]
    stage.done(stage.rest.complete_ip_rotation(name=CLUSTER))
    zone, name = url.split("/")[-3], url.split("/")[-1]
    change = {"instanceTemplate": kept, "versions": [{"instanceTemplate": kept}]}
    stage.served.call(stage.compute.patch_instance_group_manager, zone, name, change)
    grow(stage)
    zones = [node["metadata"]["labels"]["topology.kubernetes.io/zone"] for node in stage.nodes()]
    assert sorted(zones) == sorted([zone, other.split("/")[-3], other.split("/")[-3]])


def test_clients_trust_the_control_plane_all_the_while(stage: Stage) -> None:
    stage.done(stage.rest.start_ip_rotation(request={"name": CLUSTER}))
    cluster = stage.rest.get_cluster(name=CLUSTER)
    trust = ssl.create_default_context(cadata=_decoded(cluster.master_auth.cluster_ca_certificate))
    with urllib.request.urlopen(f"https://{cluster.endpoint}/version", context=trust) as answer:
        assert answer.status == 200


def test_a_rotation_is_completed_once_and_only_after_its_start(stage: Stage) -> None:
    with pytest.raises(exceptions.BadRequest, match="not in progress"):
        stage.rest.complete_ip_rotation(name=CLUSTER)
    stage.done(stage.rest.start_ip_rotation(request={"name": CLUSTER}))
    with pytest.raises(exceptions.BadRequest, match="already in progress"):
        stage.rest.start_ip_rotation(request={"name": CLUSTER})


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
