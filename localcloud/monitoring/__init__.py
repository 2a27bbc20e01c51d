"""Cloud Monitoring: google.monitoring.v3 (https://cloud.google.com/monitoring/api/ref_v3/rest).

Time series that follow the clusters' GPUs, alert policies that are judged at every sample, incidents on the topics of
Pub/Sub notification channels. Public: `Monitoring`.
"""

from localcloud.monitoring.service import Monitoring

__all__ = ["Monitoring"]
