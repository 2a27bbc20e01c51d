"""What `poolwright doctor` looks with, put together. No function needs any of it."""

from __future__ import annotations

from typing import cast

from poolwright import bootstrap
from poolwright.adapters.cloud_functions import CloudFunctions
from poolwright.adapters.cloud_scheduler import CloudScheduler
from poolwright.adapters.compute_quotas import ComputeQuotas
from poolwright.adapters.gke_server_config import GkeServerConfig
from poolwright.adapters.google_access import GoogleAccess
from poolwright.adapters.google_rest import Dates
from poolwright.adapters.iam import IamApi
from poolwright.adapters.kubernetes import ControlPlanes
from poolwright.adapters.monitoring_deployed import MonitoringDeployed
from poolwright.adapters.org_policy import OrgPolicyApi
from poolwright.adapters.pubsub_deployed import PubSubDeployed
from poolwright.adapters.resource_manager import ResourceManager
from poolwright.adapters.service_usage import ServiceUsageApi
from poolwright.services.doctor.ports import Instruments
from poolwright.settings import Settings


def instruments(settings: Settings) -> Instruments:
    """By the same settings as everything else. BadSetting; Google's own error where nobody is logged in, who then could
    look at nothing."""
    access, dates = GoogleAccess(settings.endpoints), Dates()
    _ = access.credentials
    ports = bootstrap.ports(settings)
    return Instruments(
        ports=ports,
        service_usage=ServiceUsageApi(access, dates),
        projects=ResourceManager(access, dates),
        iam=IamApi(access, dates),
        org_policy=OrgPolicyApi(access, dates),
        functions=CloudFunctions(access, dates),
        scheduler=CloudScheduler(access, dates),
        pubsub=PubSubDeployed(access, dates),
        quotas=ComputeQuotas(access, dates),
        alerts=MonitoringDeployed(access, dates),
        server_config=GkeServerConfig(access, dates),
        clusters=cast(ControlPlanes, ports.clusters),
        dates=dates,
    )
