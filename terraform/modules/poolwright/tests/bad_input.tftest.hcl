# Each run gives one wrong value and nothing else wrong, and expects that variable's own message.

mock_provider "google" {}

variables {
  project_id            = "acme-poolwright"
  region                = "us-central1"
  archive               = "tests/archive.zip"
  node_service_accounts = ["gke-nodes@acme-gpus.iam.gserviceaccount.com"]
}

run "project_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "fleet_project_by_name" {
  command = plan

  variables {
    fleet_projects = ["My GPUs"]
  }

  expect_failures = [var.fleet_projects]
}

run "zone_for_region" {
  command = plan

  variables {
    region = "us-central1-a"
  }

  expect_failures = [var.region]
}

run "archive_that_is_not_there" {
  command = plan

  variables {
    archive = "tests/nothing.zip"
  }

  expect_failures = [var.archive]
}

run "archive_that_is_no_zip" {
  command = plan

  variables {
    archive = "versions.tf"
  }

  expect_failures = [var.archive]
}

run "location_of_another_cloud" {
  command = plan

  variables {
    firestore_location = "eastus"
  }

  expect_failures = [var.firestore_location]
}

run "database_with_capitals" {
  command = plan

  variables {
    firestore_database = "Poolwright"
  }

  expect_failures = [var.firestore_database]
}

run "no_node_service_account" {
  command = plan

  variables {
    node_service_accounts = []
  }

  expect_failures = [var.node_service_accounts]
}

run "node_service_account_that_is_a_person" {
  command = plan

  variables {
    node_service_accounts = ["somebody@example.com"]
  }

  expect_failures = [var.node_service_accounts]
}

run "node_service_account_with_too_short_a_name" {
  command = plan

  variables {
    node_service_accounts = ["nodes@acme-gpus.iam.gserviceaccount.com"]
  }

  expect_failures = [var.node_service_accounts]
}

run "everybody_commands" {
  command = plan

  variables {
    commanders = ["allUsers"]
  }

  expect_failures = [var.commanders]
}

run "webhook_url_for_its_variable" {
  command = plan

  variables {
    webhook_variables = ["https://hooks.example.com/x"]
  }

  expect_failures = [var.webhook_variables]
}

run "channel_by_number" {
  command = plan

  variables {
    alert_channels = ["123"]
  }

  expect_failures = [var.alert_channels]
}

run "connector_by_name" {
  command = plan

  variables {
    vpc_connector = "mine"
  }

  expect_failures = [var.vpc_connector]
}

run "no_instance" {
  command = plan

  variables {
    max_instances = 0
  }

  expect_failures = [var.max_instances]
}

run "half_an_instance" {
  command = plan

  variables {
    max_instances = 1.5
  }

  expect_failures = [var.max_instances]
}

run "unknown_log_level" {
  command = plan

  variables {
    log_level = "TRACE"
  }

  expect_failures = [var.log_level]
}

run "endpoint_that_is_no_url" {
  command = plan

  variables {
    otlp_endpoint = "collector:4318"
  }

  expect_failures = [var.otlp_endpoint]
}

run "label_with_capitals" {
  command = plan

  variables {
    labels = { Team = "x" }
  }

  expect_failures = [var.labels]
}

run "runbooks_with_a_fragment" {
  command = plan
  variables {
    runbooks = "https://example.com/recover#top"
  }
  expect_failures = [var.runbooks]
}

run "an_alert_after_half_a_minute" {
  command = plan
  variables {
    alerts = { drift_seconds = 30 }
  }
  expect_failures = [var.alerts]
}

run "repository_by_its_address" {
  command = plan

  variables {
    source_repository = "https://github.com/acme/poolwright"
  }

  expect_failures = [var.source_repository]
}

run "branch_as_a_reference" {
  command = plan

  variables {
    source_branch = "refs/heads/main"
  }

  expect_failures = [var.source_branch]
}

run "status_page_for_everybody" {
  command = plan

  variables {
    status_page_viewers = ["allUsers"]
  }

  expect_failures = [var.status_page_viewers]
}
