output "notification_config" {
  description = "What the cluster's own resource says, as its block notification_config; gcloud takes the same as --notification-config."
  value = {
    pubsub = {
      enabled = true
      topic   = var.gke_notifications_topic
      filter  = { event_type = ["UPGRADE_EVENT", "UPGRADE_INFO_EVENT"] }
    }
  }
}

output "alerts" {
  description = "The provisioners that have a limit, as module gpu-alerts takes them; merge those of a project's clusters."
  value = {
    for name, spec in var.provisioners : "${var.cluster}-${name}" => {
      provisioner = name
      cluster     = var.cluster
      location    = var.location
      min_percent = spec.minGPUUtilizationPercent
      max_percent = spec.maxGPUUtilizationPercent
    } if spec.minGPUUtilizationPercent != null || spec.maxGPUUtilizationPercent != null
  }
}
