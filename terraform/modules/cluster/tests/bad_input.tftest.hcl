# Each run gives one wrong value and nothing else wrong, and expects that variable's own message.

mock_provider "kubernetes" {}

variables {
  function_service_accounts = { step = "s@acme.iam.gserviceaccount.com", tick = "t@acme.iam.gserviceaccount.com" }
  gke_notifications_topic   = "projects/acme/topics/gke-notifications"
}

run "function_without_an_account" {
  command = plan

  variables {
    function_service_accounts = { step = "s@acme.iam.gserviceaccount.com" }
  }

  expect_failures = [var.function_service_accounts]
}

run "account_that_is_no_email" {
  command = plan

  variables {
    function_service_accounts = { step = "s", tick = "t@acme.iam.gserviceaccount.com" }
  }

  expect_failures = [var.function_service_accounts]
}

run "namespace_of_kubernetes" {
  command = plan

  variables {
    smoke_job_namespaces = ["kube-system"]
  }

  expect_failures = [var.smoke_job_namespaces]
}

run "namespace_with_capitals" {
  command = plan

  variables {
    smoke_job_namespaces = ["Jobs"]
  }

  expect_failures = [var.smoke_job_namespaces]
}

run "topic_by_name" {
  command = plan

  variables {
    gke_notifications_topic = "gke-notifications"
  }

  expect_failures = [var.gke_notifications_topic]
}
