# The cluster is its own configuration's; here it is read, and refused where functions could not work with it.
data "google_container_cluster" "this" {
  project  = var.project_id
  location = var.location
  name     = var.cluster

  lifecycle {
    postcondition {
      condition     = self.enable_autopilot != true
      error_message = "${var.cluster} is an Autopilot cluster, whose nodes nobody but GKE may touch. poolwright needs a Standard one."
    }

    # https://cloud.google.com/kubernetes-engine/docs/concepts/network-isolation
    postcondition {
      condition     = var.vpc_egress || try(self.control_plane_endpoints_config[0].dns_endpoint_config[0].allow_external_traffic, false) || !try(self.private_cluster_config[0].enable_private_endpoint, false)
      error_message = "The control plane of ${var.cluster} has a private endpoint only, which functions do not reach. Open its DNS-based endpoint (gcloud container clusters update ${var.cluster} --location=${var.location} --enable-dns-access); or give module poolwright a vpc_connector to the cluster's network, and say vpc_egress = true here."
    }
  }
}

# Only the cluster's own configuration can set this; without it an upgrade is learned of from the audit log, or by a tick.
check "notifications" {
  assert {
    condition     = try(data.google_container_cluster.this.notification_config[0].pubsub[0].topic, "") == var.gke_notifications_topic
    error_message = "${var.cluster} does not send its notifications to ${var.gke_notifications_topic}; output notification_config says what its own resource wants."
  }
}

locals {
  # What the charts are given; manifests/helm has them. A field that is null is as one that is not there.
  cluster_values = {
    functions = merge(
      { for function in ["step", "tick"] : function => var.function_service_accounts[function] },
      { for email in [lookup(var.function_service_accounts, "status_page", "")] : "statusPage" => email if email != "" },
    )
    smokeJobNamespaces = sort(var.smoke_job_namespaces)
  }
  provisioner_values = { provisioners = var.provisioners }
}

# The definition of NodeProvisioner, namespace poolwright, and what the functions may do: in a cluster's RBAC a function
# is a User, its Google identity's email
# (https://cloud.google.com/kubernetes-engine/docs/how-to/role-based-access-control#rolebinding).
resource "helm_release" "poolwright" {
  name             = "poolwright"
  chart            = "${path.module}/../../../manifests/helm/poolwright"
  namespace        = "poolwright"
  create_namespace = true
  values           = [yamlencode(local.cluster_values)]

  depends_on = [data.google_container_cluster.this]
}

# A release of their own, which is planned without the cluster: kubernetes_manifest asks it for their kind even then, and
# there is none before the first apply (https://github.com/hashicorp/terraform-provider-kubernetes/issues/1367).
resource "helm_release" "provisioners" {
  name      = "poolwright-provisioners"
  chart     = "${path.module}/../../../manifests/helm/provisioners"
  namespace = helm_release.poolwright.namespace
  values    = [yamlencode(local.provisioner_values)]
}
