# poolwright in a project of its own; clusters and builds in several others.

locals {
  fleet_projects = toset([for cluster in var.clusters : cluster.project])
  alerts         = { serving_eu = module.serving_eu.alerts, serving_us = module.serving_us.alerts }
}

module "poolwright" {
  source = "../../modules/poolwright"

  project_id            = var.project_id
  region                = var.region
  archive               = var.archive
  fleet_projects        = local.fleet_projects
  node_service_accounts = [for cluster in var.clusters : cluster.node_service_account]
  commanders            = var.commanders
  webhook_variables     = var.webhook_variables
}

# A provider speaks to one cluster, so each cluster has a block of its own here and one in versions.tf.
module "serving_eu" {
  source    = "../../modules/cluster"
  providers = { helm = helm.serving_eu }

  project_id                = var.clusters["serving_eu"].project
  location                  = var.clusters["serving_eu"].location
  cluster                   = "serving-eu"
  function_service_accounts = module.poolwright.function_service_accounts
  gke_notifications_topic   = module.poolwright.gke_notifications_topics[var.clusters["serving_eu"].project]
  smoke_job_namespaces      = ["default"]
  provisioners              = lookup(var.provisioners, "serving_eu", {})
}

module "serving_us" {
  source    = "../../modules/cluster"
  providers = { helm = helm.serving_us }

  project_id                = var.clusters["serving_us"].project
  location                  = var.clusters["serving_us"].location
  cluster                   = "serving-us"
  function_service_accounts = module.poolwright.function_service_accounts
  gke_notifications_topic   = module.poolwright.gke_notifications_topics[var.clusters["serving_us"].project]
  smoke_job_namespaces      = ["default"]
  provisioners              = lookup(var.provisioners, "serving_us", {})
}

module "gpu_alerts" {
  source   = "../../modules/gpu-alerts"
  for_each = local.fleet_projects

  project_id           = each.value
  notification_channel = module.poolwright.notification_channels[each.value]
  provisioners         = merge([for key, cluster in var.clusters : local.alerts[key] if cluster.project == each.value]...)
}
