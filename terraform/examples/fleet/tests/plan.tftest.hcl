mock_provider "google" {}

mock_provider "helm" {
  alias = "serving_eu"
}

mock_provider "helm" {
  alias = "serving_us"
}

variables {
  project_id        = "acme-poolwright"
  region            = "europe-west4"
  archive           = "../../modules/poolwright/tests/archive.zip"
  webhook_variables = ["POOLWRIGHT_PRODUCTION_WEBHOOK"]
  kube_contexts     = { serving_eu = "eu", serving_us = "us" }

  clusters = {
    serving_eu = {
      project              = "acme-gpus-eu"
      location             = "europe-west4"
      node_service_account = "gke-nodes@acme-gpus-eu.iam.gserviceaccount.com"
    }
    serving_us = {
      project              = "acme-gpus-us"
      location             = "us-central1"
      node_service_account = "gke-nodes@acme-gpus-us.iam.gserviceaccount.com"
    }
  }

  provisioners = {
    serving_eu = {
      h100 = { existingInstanceGroupNames = ["gke-serving-eu-h100-0a1b2c3d-grp"], maxNodes = 8, minGPUUtilizationPercent = 20, maxGPUUtilizationPercent = 80 }
    }
  }
}

override_data {
  target = module.serving_eu.data.google_container_cluster.this
  values = { enable_autopilot = false, private_cluster_config = [], notification_config = [{ pubsub = [{ enabled = true, topic = "projects/acme-gpus-eu/topics/gke-notifications", filter = [] }] }] }
}

override_data {
  target = module.serving_us.data.google_container_cluster.this
  values = { enable_autopilot = false, private_cluster_config = [], notification_config = [{ pubsub = [{ enabled = true, topic = "projects/acme-gpus-us/topics/gke-notifications", filter = [] }] }] }
}

run "can_be_planned" {
  command = plan
}

run "one_key_too_few" {
  command = plan

  variables {
    kube_contexts = { serving_eu = "eu" }
  }

  expect_failures = [var.kube_contexts]
}
