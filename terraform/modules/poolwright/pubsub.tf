resource "google_pubsub_topic" "this" {
  for_each = local.topics
  project  = var.project_id
  name     = each.value
  labels   = var.labels

  depends_on = [google_project_service.this]
}

# What a dead letter was stays readable for as long as Pub/Sub keeps it, 7 days after its arrival.
resource "google_pubsub_topic" "dead_letter" {
  project                    = var.project_id
  name                       = local.dead_letter
  labels                     = var.labels
  message_retention_duration = "604800s"

  depends_on = [google_project_service.this]
}

resource "google_pubsub_subscription" "dead_letter" {
  project                    = var.project_id
  name                       = local.dead_letter
  topic                      = google_pubsub_topic.dead_letter.id
  labels                     = var.labels
  message_retention_duration = "604800s"

  expiration_policy {
    ttl = ""
  }
}

# Cloud Build's and GKE's topics of the other projects.
resource "google_pubsub_topic" "elsewhere" {
  for_each = local.elsewhere
  project  = each.value.project
  name     = each.value.topic
  labels   = var.labels

  depends_on = [google_project_service.this]
}

locals {
  gke_notifications_topics = {
    for id in local.projects :
    id => id == var.project_id ? google_pubsub_topic.this["gke-notifications"] : google_pubsub_topic.elsewhere["node-pool-notification-${id}"]
  }

  pushed = merge(
    { for name, each in local.subscriptions : name => merge(each, { topic = google_pubsub_topic.this[each.topic].id }) },
    { for name, each in local.elsewhere : name => merge(local.subscriptions[each.subscription], { topic = google_pubsub_topic.elsewhere[name].id }) },
  )
}

# The ack deadline is longer than a function may run (60 s), or Pub/Sub would deliver a message again while it is handled.
resource "google_pubsub_subscription" "push" {
  for_each = local.pushed
  project  = var.project_id
  name     = each.key
  topic    = each.value.topic
  filter   = each.value.filter
  labels   = var.labels

  ack_deadline_seconds = 90

  push_config {
    push_endpoint = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri

    oidc_token {
      service_account_email = google_service_account.push.email
      audience              = google_cloudfunctions2_function.this[each.value.function].service_config[0].uri
    }
  }

  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead_letter.id
    max_delivery_attempts = 20
  }

  expiration_policy {
    ttl = "" # never
  }
}

# Pub/Sub forwards dead letters as its service agent: publisher there, subscriber here
# (https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions).
resource "google_pubsub_topic_iam_member" "dead_letter_forwarder" {
  project = var.project_id
  topic   = google_pubsub_topic.dead_letter.name
  role    = "roles/pubsub.publisher"
  member  = local.service_agent
}

resource "google_pubsub_subscription_iam_member" "dead_letter_forwarder" {
  for_each     = google_pubsub_subscription.push
  project      = var.project_id
  subscription = each.value.name
  role         = "roles/pubsub.subscriber"
  member       = local.service_agent
}

locals {
  # Function -> topics it publishes to. Each parks what it refuses; notify tells people and records nothing.
  publishes = merge([
    for function in local.functions : {
      for topic in local.permissions.functions[function].publishes : "${function}/${topic}" => { function = function, topic = topic }
    }
  ]...)
}

resource "google_pubsub_topic_iam_member" "function" {
  for_each = local.publishes
  project  = var.project_id
  topic    = each.value.topic == local.dead_letter ? google_pubsub_topic.dead_letter.name : google_pubsub_topic.this[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = google_service_account.function[each.value.function].member
}

resource "google_pubsub_topic_iam_member" "commander" {
  for_each = { for pair in setproduct(local.permissions.people.operator.publishes, var.commanders) : "${pair[0]}/${pair[1]}" => { topic = pair[0], member = pair[1] } }
  project  = var.project_id
  topic    = google_pubsub_topic.this[each.value.topic].name
  role     = "roles/pubsub.publisher"
  member   = each.value.member
}
