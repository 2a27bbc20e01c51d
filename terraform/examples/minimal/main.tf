# One project with one cluster in it.

module "poolwright" {
  source = "../../modules/poolwright"

  project_id            = var.project_id
  region                = var.region
  archive               = var.archive
  node_service_accounts = [var.node_service_account]
  commanders            = var.commanders
}

module "cluster" {
  source = "../../modules/cluster"

  project_id                = var.project_id
  location                  = var.cluster.location
  cluster                   = var.cluster.name
  function_service_accounts = module.poolwright.function_service_accounts
  gke_notifications_topic   = module.poolwright.gke_notifications_topics[var.project_id]
  provisioners              = var.provisioners
}

module "gpu_alerts" {
  source = "../../modules/gpu-alerts"

  project_id           = var.project_id
  notification_channel = module.poolwright.notification_channels[var.project_id]
  provisioners         = module.cluster.alerts
}
