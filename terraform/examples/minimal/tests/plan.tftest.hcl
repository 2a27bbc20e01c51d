mock_provider "google" {}
mock_provider "kubernetes" {}

variables {
  project_id           = "acme-gpus"
  region               = "us-central1"
  archive              = "../../modules/poolwright/tests/archive.zip"
  node_service_account = "nodes@acme-gpus.iam.gserviceaccount.com"
  kube_context         = "serving"
  provisioners = {
    h100 = { provisioner = "h100", cluster = "serving", location = "us-central1", min_percent = 20, max_percent = 80 }
  }
}

run "can_be_planned" {
  command = plan
}

run "can_be_applied" {
  # A mocked channel has a made-up name, which module gpu-alerts would refuse.
  override_resource {
    target = module.poolwright.google_monitoring_notification_channel.gpu_alerts
    values = { name = "projects/acme-gpus/notificationChannels/1" }
  }
  override_resource {
    target = module.poolwright.google_pubsub_topic.this
    values = { id = "projects/acme-gpus/topics/gke-notifications" }
  }
  override_resource {
    target = module.poolwright.google_service_account.function
    values = { email = "function@acme-gpus.iam.gserviceaccount.com" }
  }

  assert {
    condition     = output.notification_config.pubsub.topic == "projects/acme-gpus/topics/gke-notifications"
    error_message = "The cluster is told the topic of the module's."
  }
}
