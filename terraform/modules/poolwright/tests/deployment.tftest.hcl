mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

variables {
  project_id            = "acme-poolwright"
  region                = "us-central1"
  archive               = "tests/archive.zip"
  fleet_projects        = ["acme-poolwright", "acme-gpus"]
  node_service_accounts = ["gke-nodes@acme-gpus.iam.gserviceaccount.com"]
  webhook_variables     = ["POOLWRIGHT_PRODUCTION_WEBHOOK"]
  commanders            = ["group:platform@example.com"]
}

run "subscriptions" {
  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.ack_deadline_seconds > google_cloudfunctions2_function.this["step"].service_config[0].timeout_seconds])
    error_message = "An ack deadline is not longer than a function may run."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.expiration_policy[0].ttl == ""])
    error_message = "A subscription expires."
  }

  assert {
    condition     = google_pubsub_subscription.dead_letter.expiration_policy[0].ttl == ""
    error_message = "The dead letters' subscription expires."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.dead_letter_policy[0].dead_letter_topic == google_pubsub_topic.dead_letter.id && each.dead_letter_policy[0].max_delivery_attempts == 20])
    error_message = "A subscription does not end in the dead letters after 20 attempts."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.retry_policy[0].minimum_backoff == "10s" && each.retry_policy[0].maximum_backoff == "600s"])
    error_message = "A subscription has no backoff from 10 s to 600 s."
  }

  assert {
    condition     = alltrue([for each in google_pubsub_subscription.push : each.push_config[0].oidc_token[0].service_account_email == google_service_account.push.email])
    error_message = "A subscription pushes as somebody else than the push identity."
  }

  assert {
    condition = alltrue([
      for name, each in google_pubsub_subscription.push :
      each.push_config[0].push_endpoint == google_cloudfunctions2_function.this[local.pushed[name].function].service_config[0].uri
    ])
    error_message = "A subscription pushes to another function than its own."
  }
}

run "builds_and_notifications_of_another_project_come_from_its_own_topics" {
  assert {
    condition     = { for name, each in google_pubsub_topic.elsewhere : name => "${each.project}/${each.name}" } == { image-built-acme-gpus = "acme-gpus/cloud-builds", node-pool-notification-acme-gpus = "acme-gpus/gke-notifications" }
    error_message = "Cloud Build and GKE publish in the project of the build and of the cluster."
  }

  assert {
    condition = alltrue([
      for name in ["image-built", "node-pool-notification"] :
      google_pubsub_subscription.push["${name}-acme-gpus"].topic == google_pubsub_topic.elsewhere["${name}-acme-gpus"].id &&
      google_pubsub_subscription.push["${name}-acme-gpus"].filter == google_pubsub_subscription.push[name].filter &&
      google_pubsub_subscription.push["${name}-acme-gpus"].project == "acme-poolwright"
    ])
    error_message = "poolwright's subscriptions listen to those topics, with the same filters."
  }

  assert {
    condition     = { for project, each in google_pubsub_topic_iam_member.gke_notifications : project => each.project } == { acme-gpus = "acme-gpus", acme-poolwright = "acme-poolwright" }
    error_message = "GKE may publish to the topic of the cluster's own project."
  }
}

run "dead_letters_can_be_forwarded" {
  assert {
    condition     = google_pubsub_topic_iam_member.dead_letter_forwarder.member == "serviceAccount:service-123456789012@gcp-sa-pubsub.iam.gserviceaccount.com" && google_pubsub_topic_iam_member.dead_letter_forwarder.role == "roles/pubsub.publisher"
    error_message = "Pub/Sub's service agent must publish to the dead letters."
  }

  assert {
    condition     = toset(keys(google_pubsub_subscription_iam_member.dead_letter_forwarder)) == toset(keys(google_pubsub_subscription.push))
    error_message = "Pub/Sub's service agent must be subscriber of each subscription."
  }
}

run "identities" {
  assert {
    condition     = length(google_service_account.function) == 8 && length(distinct([for each in google_service_account.function : each.account_id])) == 8
    error_message = "Each of the eight functions has a service account of its own."
  }

  assert {
    condition     = alltrue([for name, each in google_cloudfunctions2_function.this : each.service_config[0].service_account_email == google_service_account.function[name].email])
    error_message = "A function runs as another's identity."
  }

  assert {
    condition     = alltrue([for each in google_cloud_run_v2_service_iam_member.push : each.member == google_service_account.push.member]) && toset(keys(google_cloud_run_v2_service_iam_member.push)) == local.functions
    error_message = "The push identity alone may invoke functions, and each of them."
  }

  assert {
    condition     = alltrue([for each in google_cloudfunctions2_function.this : length(each.event_trigger) == 0])
    error_message = "A function has an event trigger, whose hidden subscription nobody can set."
  }

  assert {
    condition     = alltrue([for name, each in google_cloudfunctions2_function.this : length(each.service_config[0].secret_environment_variables) == (name == "notify" ? 1 : 0)])
    error_message = "Function notify alone gets the webhook's URL."
  }

  assert {
    condition     = alltrue([for each in concat(values(google_project_iam_custom_role.fleet), values(google_project_iam_custom_role.store)) : length(each.permissions) > 0])
    error_message = "A role has no permission."
  }

  assert {
    condition     = toset(keys(local.fleet_permissions)) == local.identities && toset(keys(local.store_permissions)) == local.identities
    error_message = "The tables of permissions name every function and no other."
  }
}

run "one_project_is_its_own_fleet" {
  variables {
    fleet_projects = []
  }

  assert {
    condition     = keys(google_logging_project_sink.gke_audit) == ["acme-poolwright"] && length(google_pubsub_topic.elsewhere) == 0 && length(google_pubsub_subscription.push) == 8
    error_message = "Without fleet projects everything is in project_id, and there are eight subscriptions."
  }
}

run "no_repository_no_triggers" {
  assert {
    condition     = length(google_cloudbuild_trigger.this) == 0 && length(google_cloudbuild_trigger.boot_image) == 0
    error_message = "There are triggers without a repository."
  }
}

run "triggers_of_a_repository" {
  variables {
    source_repository = "projects/acme-poolwright/locations/us-central1/connections/github/repositories/poolwright"
  }

  assert {
    condition     = google_cloudbuild_trigger.this["tests"].repository_event_config[0].pull_request[0].branch == "^main$" && length(google_cloudbuild_trigger.this["tests"].repository_event_config[0].push) == 0
    error_message = "Pull requests are tested."
  }

  assert {
    condition     = google_cloudbuild_trigger.this["packages"].repository_event_config[0].push[0].branch == "^main$" && length(google_cloudbuild_trigger.this["packages"].repository_event_config[0].pull_request) == 0
    error_message = "Packages are made of what was merged, of nothing else."
  }

  assert {
    condition     = keys(google_cloudbuild_trigger.boot_image) == ["acme-gpus", "acme-poolwright"] && strcontains(google_cloudbuild_trigger.boot_image["acme-gpus"].build[0].step[0].args[1], "gs://acme-gpus-poolwright-builds/packer.tar.gz")
    error_message = "Each fleet project's bucket gets packer's files."
  }
}

run "nobody_looks_at_the_status_page_unless_named" {
  assert {
    condition     = length(google_cloud_run_v2_service_iam_member.status_page) == 0 && length(google_iap_web_cloud_run_service_iam_member.viewer) == 0
    error_message = "Somebody may look at the status page whom nobody has named."
  }

  assert {
    condition     = google_cloudfunctions2_function.status_page.service_config[0].service_account_email == google_service_account.function["status_page"].email
    error_message = "The status page runs as somebody else."
  }
}

run "viewers_by_iam_alone" {
  variables {
    status_page_viewers = ["group:platform@example.com"]
  }

  assert {
    condition     = [for each in google_cloud_run_v2_service_iam_member.status_page : "${each.role} ${each.member}"] == ["roles/run.invoker group:platform@example.com"]
    error_message = "Viewers invoke the page."
  }

  assert {
    condition     = google_cloudfunctions2_function.status_page.service_config[0].environment_variables["POOLWRIGHT_IAP_AUDIENCE"] == ""
    error_message = "The page asks for a token that nobody gives it."
  }
}

run "viewers_behind_iap" {
  variables {
    status_page_viewers = ["group:platform@example.com"]
    status_page_iap     = true
  }

  assert {
    condition     = [for each in google_cloud_run_v2_service_iam_member.status_page : each.member] == ["serviceAccount:service-123456789012@gcp-sa-iap.iam.gserviceaccount.com"]
    error_message = "Somebody gets around IAP."
  }

  assert {
    condition     = [for each in google_iap_web_cloud_run_service_iam_member.viewer : "${each.role} ${each.member}"] == ["roles/iap.httpsResourceAccessor group:platform@example.com"]
    error_message = "IAP lets others in than the viewers."
  }

  assert {
    condition     = google_cloudfunctions2_function.status_page.service_config[0].environment_variables["POOLWRIGHT_IAP_AUDIENCE"] == "/projects/123456789012/locations/us-central1/services/poolwright-status-page"
    error_message = "The page does not check whom IAP vouches for."
  }
}
