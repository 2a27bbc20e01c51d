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
