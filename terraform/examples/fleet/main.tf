# poolwright in a project of its own; clusters and builds in several others.

module "poolwright" {
  source = "../../modules/poolwright"

  project_id            = var.project_id
  region                = var.region
  archive               = var.archive
  fleet_projects        = keys(var.fleet)
  node_service_accounts = [for project in var.fleet : project.node_service_account]
  commanders            = var.commanders
  webhook_variables     = var.webhook_variables
}

module "gpu_alerts" {
  source   = "../../modules/gpu-alerts"
  for_each = var.fleet

  project_id           = each.key
  notification_channel = module.poolwright.notification_channels[each.key]
  provisioners         = each.value.provisioners
}

# A provider speaks to one cluster, so each has a block of its own here and one in versions.tf.
module "serving_eu" {
  source    = "../../modules/cluster"
  providers = { kubernetes = kubernetes.serving_eu }

  function_service_accounts = module.poolwright.function_service_accounts
  gke_notifications_topic   = module.poolwright.gke_notifications_topic
  smoke_job_namespaces      = ["default"]
}

module "serving_us" {
  source    = "../../modules/cluster"
  providers = { kubernetes = kubernetes.serving_us }

  function_service_accounts = module.poolwright.function_service_accounts
  gke_notifications_topic   = module.poolwright.gke_notifications_topic
  smoke_job_namespaces      = ["default"]
}
