mock_provider "google" {}

mock_provider "kubernetes" {
  alias = "serving_eu"
}

mock_provider "kubernetes" {
  alias = "serving_us"
}

variables {
  project_id        = "acme-poolwright"
  region            = "europe-west4"
  archive           = "../../modules/poolwright/tests/archive.zip"
  webhook_variables = ["POOLWRIGHT_PRODUCTION_WEBHOOK"]
  kube_contexts     = { serving_eu = "eu", serving_us = "us" }

  fleet = {
    acme-gpus-eu = {
      node_service_account = "nodes@acme-gpus-eu.iam.gserviceaccount.com"
      provisioners = {
        h100 = { provisioner = "h100", cluster = "serving-eu", location = "europe-west4", min_percent = 20, max_percent = 80 }
      }
    }
    acme-gpus-us = { node_service_account = "nodes@acme-gpus-us.iam.gserviceaccount.com" }
  }
}

run "can_be_planned" {
  command = plan
}
