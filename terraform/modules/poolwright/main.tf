locals {
  projects = length(var.fleet_projects) > 0 ? var.fleet_projects : toset([var.project_id])

  # What Cloud Build says in attribute status of a build that has ended, and what GKE says in type_url of an upgrade.
  finished     = join(" OR ", [for status in ["SUCCESS", "FAILURE", "INTERNAL_ERROR", "TIMEOUT", "CANCELLED", "EXPIRED"] : "attributes.status = \"${status}\""])
  upgrade_info = "attributes.type_url = \"type.googleapis.com/google.container.v1beta1.UpgradeInfoEvent\""

  # Push subscription -> which topic wakes which function, and what of it passes. localcloud/deployment.py has the same;
  # a test compares them.
  subscriptions = {
    image-built            = { topic = "cloud-builds", function = "image_built", filter = local.finished }
    node-pool-audit        = { topic = "gke-audit", function = "node_pool_changed", filter = "" }
    node-pool-notification = { topic = "gke-notifications", function = "node_pool_changed", filter = local.upgrade_info }
    gpu-alert              = { topic = "gpu-alerts", function = "gpu_alert", filter = "" }
    rollout-command        = { topic = "rollout-commands", function = "rollout_command", filter = "" }
    step                   = { topic = "work", function = "step", filter = "" }
    tick                   = { topic = "ticks", function = "tick", filter = "" }
    notify                 = { topic = "notifications", function = "notify", filter = "" }
  }

  topics      = toset([for each in local.subscriptions : each.topic])
  functions   = toset([for each in local.subscriptions : each.function])
  identities  = setunion(local.functions, ["status_page"]) # which people ask, and no subscription
  dead_letter = "dead-letter"

  # Cloud Build publishes to the topic of this name in the build's own project, and GKE takes no topic of another project
  # than the cluster's (https://cloud.google.com/sdk/gcloud/reference/container/clusters/update#--notification-config). So
  # each of the other projects has these topics too, and a subscription here that listens to them.
  other_projects = setsubtract(local.projects, [var.project_id])
  elsewhere = {
    for pair in setproduct(["image-built", "node-pool-notification"], local.other_projects) :
    "${pair[0]}-${pair[1]}" => { subscription = pair[0], project = pair[1], topic = local.subscriptions[pair[0]].topic }
  }

  service_agent = "serviceAccount:service-${data.google_project.own.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

data "google_project" "own" {
  project_id = var.project_id
}

data "google_project" "fleet" {
  for_each   = local.projects
  project_id = each.value
}
