resource "google_cloud_scheduler_job" "tick" {
  project     = var.project_id
  region      = var.region
  name        = "poolwright-tick"
  description = "Heals what an event missed"
  schedule    = "* * * * *"
  time_zone   = "Etc/UTC"

  pubsub_target {
    topic_name = google_pubsub_topic.this["ticks"].id
    data       = base64encode("tick")
  }
}

# Ends of GKE's operations on clusters and node pools, whoever began them
# (https://cloud.google.com/kubernetes-engine/docs/how-to/audit-logging).
resource "google_logging_project_sink" "gke_audit" {
  for_each               = local.projects
  project                = each.value
  name                   = "poolwright-gke-audit"
  description            = "Ends of operations on GKE clusters and node pools, to poolwright"
  destination            = "pubsub.googleapis.com/${google_pubsub_topic.this["gke-audit"].id}"
  unique_writer_identity = true
  filter                 = <<-FILTER
    log_id("cloudaudit.googleapis.com/activity")
    resource.type=("gke_nodepool" OR "gke_cluster")
    protoPayload.serviceName="container.googleapis.com"
    operation.last=true
  FILTER

  depends_on = [google_project_service.this]
}

resource "google_pubsub_topic_iam_member" "gke_audit" {
  for_each = google_logging_project_sink.gke_audit
  project  = var.project_id
  topic    = google_pubsub_topic.this["gke-audit"].name
  role     = "roles/pubsub.publisher"
  member   = each.value.writer_identity
}

# GKE's service agent publishes cluster notifications.
resource "google_pubsub_topic_iam_member" "gke_notifications" {
  for_each = data.google_project.fleet
  project  = each.key
  topic    = local.gke_notifications_topics[each.key].name
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:service-${each.value.number}@container-engine-robot.iam.gserviceaccount.com"
}

resource "google_monitoring_notification_channel" "gpu_alerts" {
  for_each     = local.projects
  project      = each.value
  display_name = "poolwright"
  type         = "pubsub"

  labels = {
    topic = google_pubsub_topic.this["gpu-alerts"].id
  }

  depends_on = [google_project_service.this]
}

# Monitoring publishes as an agent that comes with a project's first channel of type pubsub
# (https://cloud.google.com/monitoring/support/notification-options#pubsub).
resource "google_pubsub_topic_iam_member" "gpu_alerts" {
  for_each = data.google_project.fleet
  project  = var.project_id
  topic    = google_pubsub_topic.this["gpu-alerts"].name
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:service-${each.value.number}@gcp-sa-monitoring-notification.iam.gserviceaccount.com"

  depends_on = [google_monitoring_notification_channel.gpu_alerts]
}
