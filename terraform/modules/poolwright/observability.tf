# What is counted, shown and alerted on. docs/observability.md says what it means, docs/recover.md what to do at night.

locals {
  # Metric -> its labels, and the field with the number of one that measures. shared/poolwright/metrics.py writes them; a
  # test compares them.
  metrics = {
    message  = { labels = ["function", "outcome"], value = "", unit = "1", text = "Messages that a function answered" }
    record   = { labels = ["environment", "kind"], value = "", unit = "1", text = "Records of the audit trail" }
    rollout  = { labels = ["environment", "phase"], value = "", unit = "1", text = "Rollouts that came to a phase" }
    wave     = { labels = ["environment", "verdict"], value = "", unit = "1", text = "Waves that ended" }
    gate     = { labels = ["environment", "gate"], value = "", unit = "1", text = "Gates that failed a wave" }
    overdue  = { labels = ["environment", "phase"], value = "seconds", unit = "s", text = "How long ago a rollout should have moved" }
    fleet    = { labels = ["environment", "run"], value = "groups", unit = "1", text = "Instance groups by the run they are on" }
    drifting = { labels = ["environment"], value = "groups", unit = "1", text = "Instance groups on something else than what is released" }
    held     = { labels = ["environment"], value = "groups", unit = "1", text = "Instance groups kept off the released image" }
    put_back = { labels = ["environment"], value = "", unit = "1", text = "Instance groups put back on GKE's template between upgrades" }
    decision = { labels = ["provisioner", "action"], value = "", unit = "1", text = "Looks at a NodeProvisioner, by what came of them" }
    stockout = { labels = ["provisioner", "group"], value = "", unit = "1", text = "Times that a group had nothing to give" }
    drain    = { labels = ["provisioner", "outcome"], value = "", unit = "1", text = "Drains of nodes that ended" }
    unseen   = { labels = ["environment", "look", "cluster"], value = "", unit = "1", text = "Looks that a tick went on without" }
    brake    = { labels = ["kind", "place"], value = "", unit = "1", text = "Looks that found poolwright stopped, a rollout paused, or a cluster or node suspended" }
    conflict = { labels = ["collection"], value = "", unit = "1", text = "Writes to the store that somebody else was quicker with" }
    error    = { labels = ["api", "kind"], value = "", unit = "1", text = "Calls that an API did not answer as wanted" }
  }

  # Cloud Run runs the functions, and its log entries and request counts are of this resource.
  of_services = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = starts_with(\"poolwright-\")"
  of_pushed   = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = one_of(${join(", ", [for name in sort(keys(local.pushed)) : "\"${name}\""])})"
  of_dead     = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${local.dead_letter}\""

  # Alert -> what opens it: `filter` aligned over `period` seconds by `aligner`, reduced by `reducer` to a series for each
  # `by`, above `threshold` for `duration` seconds. docs/recover.md has a runbook of each name.
  alerts = {
    dead-letters = {
      severity = "ERROR", title = "dead letters", text = "Messages were refused, or failed 20 times. They wait for a person."
      filter   = "${local.of_dead} AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      period   = 60, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = [], threshold = 0, duration = 0
    }
    old-messages = {
      severity = "WARNING", title = "old messages", text = "Messages of a subscription have waited for too long."
      filter   = "${local.of_pushed} AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      period   = 60, aligner = "ALIGN_MAX", reducer = "REDUCE_MAX", by = ["resource.label.subscription_id"], threshold = var.alerts.old_message_seconds, duration = 300
    }
    failing-functions = {
      severity = "ERROR", title = "functions fail", text = "A function answers with errors, or not within its time."
      filter   = "${local.of_services} AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code = monitoring.regex.full_match(\"500|504\")"
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["resource.label.service_name"], threshold = var.alerts.failures_in_five_minutes, duration = 0
    }
    stuck-rollout = {
      severity = "WARNING", title = "a rollout is stuck", text = "A rollout that nobody made wait has not moved for too long."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/overdue\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_MEAN", by = ["metric.label.environment"], threshold = var.alerts.stuck_rollout_seconds, duration = 300
    }
    failing-gates = {
      severity = "ERROR", title = "a gate failed", text = "A wave failed. The rollout goes back by itself, where its environment says so."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/wave\" AND metric.labels.verdict = \"failed\""
      period   = 600, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.environment"], threshold = 0, duration = 0
    }
    failed-rollout = {
      severity = "CRITICAL", title = "a rollout failed", text = "A rollout failed and was not rolled back: instance groups may be on its image."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/rollout\" AND metric.labels.phase = \"failed\""
      period   = 600, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.environment"], threshold = 0, duration = 0
    }
    drift-stays = {
      severity = "WARNING", title = "drift stays", text = "Instance groups are on something else than what is released, and no tick heals them."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/drifting\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_MEAN", by = ["metric.label.environment"], threshold = 0, duration = var.alerts.drift_seconds
    }
    unreadable = {
      severity = "WARNING", title = "a place cannot be read", text = "Ticks go on without a look at a cluster or a project."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/unseen\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.environment", "metric.label.look", "metric.label.cluster"], threshold = 0, duration = var.alerts.unseen_seconds
    }
    forgotten-brake = {
      severity = "WARNING", title = "a brake is still on", text = "poolwright is stopped, a rollout is paused, or a cluster or node says DrainAndSuspend, for so long that somebody may have forgotten it."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/brake\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.kind", "metric.label.place"], threshold = 0, duration = var.alerts.brake_seconds
    }
    no-stock = {
      severity = "WARNING", title = "no GPUs to be had", text = "Pods wait for GPUs, and instance groups of their provisioner have nothing to give."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/decision\" AND metric.labels.action = \"short\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.provisioner"], threshold = 0, duration = var.alerts.no_stock_seconds
    }
    refused-provisioner = {
      severity = "WARNING", title = "a NodeProvisioner is refused", text = "A NodeProvisioner cannot be worked with: it is wrong, or its groups have another master."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/decision\" AND metric.labels.action = \"refused\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.provisioner"], threshold = 0, duration = var.alerts.refused_provisioner_seconds
    }
    refused-calls = {
      severity = "ERROR", title = "calls are refused", text = "Google or Kubernetes refuses calls for good: a permission or a credential may be gone."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/error\" AND metric.labels.kind = \"refused\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.api"], threshold = var.alerts.failures_in_five_minutes, duration = 300
    }
    bad-weather = {
      severity = "WARNING", title = "bad weather", text = "An API is out of quota or unavailable. Work comes again by itself, later."
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/error\" AND metric.labels.kind = \"weather\""
      period   = 300, aligner = "ALIGN_DELTA", reducer = "REDUCE_SUM", by = ["metric.label.api"], threshold = var.alerts.weather_in_five_minutes, duration = 900
    }
  }
}

# A line of structured JSON is an entry's jsonPayload (https://cloud.google.com/run/docs/logging#using-json). A counter
# counts entries; a distribution takes a field's number of each.
resource "google_logging_metric" "this" {
  for_each    = local.metrics
  project     = var.project_id
  name        = "poolwright/${each.key}"
  description = "${each.value.text}."
  filter      = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^poolwright-\" AND jsonPayload.metric.name=\"${each.key}\""

  value_extractor  = each.value.value == "" ? null : "EXTRACT(jsonPayload.metric.${each.value.value})"
  label_extractors = { for label in each.value.labels : label => "EXTRACT(jsonPayload.metric.${label})" }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = each.value.value == "" ? "INT64" : "DISTRIBUTION"
    unit        = each.value.unit

    dynamic "labels" {
      for_each = each.value.labels

      content {
        key        = labels.value
        value_type = "STRING"
      }
    }
  }

  dynamic "bucket_options" {
    for_each = each.value.value == "" ? [] : [each.value.value]

    content {
      explicit_buckets {
        bounds = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000]
      }
    }
  }

  depends_on = [google_project_service.this]
}

# Where data stops coming, as that of a rollout that has ended, an incident ends too.
resource "google_monitoring_alert_policy" "this" {
  for_each     = local.alerts
  project      = var.project_id
  display_name = "poolwright: ${each.value.title}"
  combiner     = "OR"
  severity     = each.value.severity

  conditions {
    display_name = each.value.text

    condition_threshold {
      filter                  = each.value.filter
      comparison              = "COMPARISON_GT"
      threshold_value         = each.value.threshold
      duration                = "${each.value.duration}s"
      evaluation_missing_data = each.value.duration == 0 ? null : "EVALUATION_MISSING_DATA_INACTIVE"

      aggregations {
        alignment_period     = "${each.value.period}s"
        per_series_aligner   = each.value.aligner
        cross_series_reducer = each.value.reducer
        group_by_fields      = each.value.by
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "${each.value.text}\n\nRunbook: ${var.runbooks}#${each.key}"
  }

  alert_strategy {
    auto_close = "3600s"
  }

  notification_channels = var.alert_channels
  user_labels           = var.labels

  depends_on = [google_logging_metric.this]
}

resource "google_monitoring_alert_policy" "no_ticks" {
  project      = var.project_id
  display_name = "poolwright: no ticks"
  combiner     = "OR"
  severity     = "CRITICAL"

  conditions {
    display_name = "No tick was handled: nothing that an event missed is healed."

    condition_absent {
      filter   = "${local.of_services} AND metric.type = \"logging.googleapis.com/user/poolwright/message\" AND metric.labels.function = \"tick\" AND metric.labels.outcome = \"handled\""
      duration = "${var.alerts.no_tick_seconds}s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    mime_type = "text/markdown"
    content   = "No tick was handled: nothing that an event missed is healed.\n\nRunbook: ${var.runbooks}#no-ticks"
  }

  notification_channels = var.alert_channels
  user_labels           = var.labels

  depends_on = [google_logging_metric.this]
}

resource "google_monitoring_dashboard" "this" {
  project        = var.project_id
  dashboard_json = file("${path.module}/dashboards/poolwright.json")

  depends_on = [google_logging_metric.this]
}
