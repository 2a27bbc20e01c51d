"""Networks and other things that a project of the stand-in has one of, or none (autoscalers)."""

from __future__ import annotations

from collections.abc import Mapping

from localcloud.compute.lists import aggregated, page
from localcloud.compute.places import REGIONS, Places
from localcloud.compute.references import self_link
from localcloud.compute.refusals import not_found
from localcloud.compute.resources import Resource, Resources
from localcloud.dispatch import Answer, Call, Handler

NONE_OF = {
    "autoscalers": ("autoscaler", "autoscalers"),
    "region_autoscalers": ("regionAutoscaler", "autoscalers"),
    "snapshots": ("snapshot", "snapshots"),
    "firewalls": ("firewall", "firewalls"),
    "region_disks": ("disk", "disks"),
}


class Networks:
    """The default network, its subnetworks, and empty lists."""

    def __init__(self, resources: Resources, places: Places) -> None:
        self._resources = resources
        self._places = places

    def handlers(self) -> Mapping[str, Handler]:
        """networks, subnetworks, and lists that are empty."""
        handlers: dict[str, Handler] = {
            "networks.Get": lambda call: self._named(call, [_network(_p(call))], "networks", "network"),
            "networks.List": lambda call: page(
                call, [_network(_p(call))], kind="networkList", path=f"projects/{_p(call)}/global/networks"
            ),
            "subnetworks.Get": lambda call: self._named(call, self._here(call), "subnetworks", "subnetwork"),
            "subnetworks.List": lambda call: page(
                call, self._here(call), kind="subnetworkList", path=f"{self._places.scope(call.params)}/subnetworks"
            ),
            "subnetworks.AggregatedList": self.subnetworks,
        }
        for service, (kind, collection) in NONE_OF.items():
            handlers[f"{service}.List"] = self._lister(kind, collection)
        handlers["autoscalers.AggregatedList"] = self._aggregator(*NONE_OF["autoscalers"])
        return handlers

    def subnetworks(self, call: Call) -> Answer:
        """The default subnetwork of each region."""
        held = {f"regions/{region}": [_subnetwork(_p(call), region)] for region in REGIONS}
        path = f"projects/{_p(call)}/aggregated/subnetworks"
        scopes = self._places.region_scopes()
        return aggregated(call, held, kind="subnetworkAggregatedList", path=path, scopes=scopes)

    def _here(self, call: Call) -> list[Resource]:
        self._places.scope(call.params)
        return [_subnetwork(_p(call), call.params["region"])]

    def _named(self, call: Call, found: list[Resource], collection: str, parameter: str) -> Resource:
        name = call.params[parameter]
        for each in found:
            if each["name"] == name:
                return each
        raise not_found(f"{self._places.scope(call.params)}/{collection}/{name}")

    def _lister(self, kind: str, collection: str) -> Handler:
        def list_(call: Call) -> Answer:
            scope = self._places.scope(call.params)
            return page(call, [], kind=f"{kind}List", path=f"{scope}/{collection}")

        return list_

    def _aggregator(self, kind: str, collection: str) -> Handler:
        def list_(call: Call) -> Answer:
            path = f"projects/{_p(call)}/aggregated/{collection}"
            scopes = self._places.zone_scopes()
            return aggregated(call, {}, kind=f"{kind}AggregatedList", path=path, scopes=scopes)

        return list_


def _p(call: Call) -> str:
    return str(call.params["project"])


def _network(project: str) -> Resource:
    return {
        "kind": "compute#network",
        "id": "1000000000000000001",
        "creationTimestamp": "2024-01-01T00:00:00.000-08:00",
        "name": "default",
        "description": "Default network for the project",
        "autoCreateSubnetworks": True,
        "subnetworks": [self_link(f"projects/{project}/regions/{each}/subnetworks/default") for each in REGIONS],
        "routingConfig": {"routingMode": "REGIONAL"},
        "selfLink": self_link(f"projects/{project}/global/networks/default"),
    }


def _subnetwork(project: str, region: str) -> Resource:
    return {
        "kind": "compute#subnetwork",
        "id": str(2000000000000000000 + list(REGIONS).index(region)),
        "creationTimestamp": "2024-01-01T00:00:00.000-08:00",
        "name": "default",
        "network": self_link(f"projects/{project}/global/networks/default"),
        "ipCidrRange": f"10.{128 + 2 * list(REGIONS).index(region)}.0.0/20",
        "region": self_link(f"projects/{project}/regions/{region}"),
        "purpose": "PRIVATE",
        "stackType": "IPV4_ONLY",
        "selfLink": self_link(f"projects/{project}/regions/{region}/subnetworks/default"),
    }
