output "topics" {
  description = "Topic -> its id, dead-letter among them."
  value       = merge({ for name, topic in google_pubsub_topic.this : name => topic.id }, { (local.dead_letter) = google_pubsub_topic.dead_letter.id })
}

output "subscriptions" {
  description = "Push subscription -> its topic, function, filter and address."
  value = {
    for name, each in local.pushed : name => {
      topic    = each.topic
      function = each.function
      filter   = each.filter
      endpoint = google_pubsub_subscription.push[name].push_config[0].push_endpoint
    }
  }
}

output "function_service_accounts" {
  description = "Function -> email of its service account; in a cluster's RBAC it is a User of this name."
  value       = { for name, account in google_service_account.function : name => account.email }
}

output "push_service_account" {
  description = "Email of the only identity that may invoke the functions."
  value       = google_service_account.push.email
}

output "build_service_accounts" {
  description = "Fleet project -> email of the build identity, an environment file's buildServiceAccount."
  value       = { for project, account in google_service_account.builder : project => account.email }
}

output "build_buckets" {
  description = "Fleet project -> bucket for packer's files, for an environment file's build.source."
  value       = { for project, bucket in google_storage_bucket.builds : project => bucket.name }
}

output "notification_channels" {
  description = "Fleet project -> name of the channel that module gpu-alerts sends incidents to."
  value       = { for project, channel in google_monitoring_notification_channel.gpu_alerts : project => channel.name }
}

output "gke_notifications_topics" {
  description = "Fleet project -> id of the topic that its clusters' notification_config names."
  value       = { for project, topic in local.gke_notifications_topics : project => "projects/${project}/topics/${topic.name}" }
}

output "webhook_secrets" {
  description = "Webhook variable -> id of the secret that wants a version with the URL."
  value       = { for name, secret in google_secret_manager_secret.webhook : name => secret.id }
}

output "firestore_database" {
  description = "Name of the database with poolwright's state."
  value       = google_firestore_database.this.name
}

output "status_page" {
  description = "Address of the status page."
  value       = google_cloudfunctions2_function.status_page.service_config[0].uri
}
