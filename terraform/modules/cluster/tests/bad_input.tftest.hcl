# Each run gives one wrong value and nothing else wrong, and expects that variable's own message.

mock_provider "google" {
  mock_data "google_container_cluster" {
    defaults = { enable_autopilot = false, private_cluster_config = [], notification_config = [{ pubsub = [{ enabled = true, topic = "projects/acme-gpus/topics/gke-notifications", filter = [] }] }] }
  }
}

mock_provider "helm" {}

variables {
  project_id                = "acme-gpus"
  location                  = "us-central1"
  cluster                   = "serving"
  function_service_accounts = { step = "s@acme.iam.gserviceaccount.com", tick = "t@acme.iam.gserviceaccount.com" }
  gke_notifications_topic   = "projects/acme-gpus/topics/gke-notifications"
}

run "project_number" {
  command = plan

  variables {
    project_id = "123456789012"
  }

  expect_failures = [var.project_id]
}

run "location_of_another_cloud" {
  command = plan

  variables {
    location = "eastus"
  }

  expect_failures = [var.location]
}

run "cluster_with_capitals" {
  command = plan

  variables {
    cluster = "Serving"
  }

  expect_failures = [var.cluster]
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

run "provisioner_with_capitals" {
  command = plan

  variables {
    provisioners = {
      H100 = { existingInstanceGroupNames = ["a"], maxNodes = 1 }
    }
  }

  expect_failures = [var.provisioners]
}

run "provisioner_without_groups" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = [], maxNodes = 1 }
    }
  }

  expect_failures = [var.provisioners]
}

run "groups_url" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["https://compute.googleapis.com/x"], maxNodes = 1 }
    }
  }

  expect_failures = [var.provisioners]
}

run "unknown_mode" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, mode = "dry-run" }
    }
  }

  expect_failures = [var.provisioners]
}

run "unknown_order" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, order = "cheapest" }
    }
  }

  expect_failures = [var.provisioners]
}

run "limits_the_wrong_way_round" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, minGPUUtilizationPercent = 80, maxGPUUtilizationPercent = 20 }
    }
  }

  expect_failures = [var.provisioners]
}

run "limit_above_everything" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, maxGPUUtilizationPercent = 101 }
    }
  }

  expect_failures = [var.provisioners]
}

run "no_nodes_at_most" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 0 }
    }
  }

  expect_failures = [var.provisioners]
}

run "minimum_above_the_maximum" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, minNodes = 2 }
    }
  }

  expect_failures = [var.provisioners]
}

run "buffer_above_the_maximum" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a"], maxNodes = 1, minUnutilizedGPUNodes = 2 }
    }
  }

  expect_failures = [var.provisioners]
}

run "by_price_without_a_price" {
  command = plan

  variables {
    provisioners = {
      h100 = { existingInstanceGroupNames = ["a", "b"], maxNodes = 1, order = "price", pricePerNodeHour = { a = 1 } }
    }
  }

  expect_failures = [var.provisioners]
}
