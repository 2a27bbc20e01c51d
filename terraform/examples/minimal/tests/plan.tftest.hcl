mock_provider "google" {
  mock_data "google_container_cluster" {
    defaults = { enable_autopilot = false, private_cluster_config = [], control_plane_endpoints_config = [], notification_config = [{ pubsub = [{ enabled = true, topic = "projects/acme-gpus/topics/gke-notifications", filter = [] }] }] }
  }
}

mock_provider "helm" {}

variables {
  project_id           = "acme-gpus"
  region               = "us-central1"
  archive              = "../../modules/poolwright/tests/archive.zip"
  node_service_account = "gke-nodes@acme-gpus.iam.gserviceaccount.com"
  kube_context         = "serving"
  cluster              = { name = "serving", location = "us-central1" }
  provisioners = {
    h100 = { existingInstanceGroupNames = ["gke-serving-h100-0a1b2c3d-grp"], maxNodes = 8, minGPUUtilizationPercent = 20, maxGPUUtilizationPercent = 80 }
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
    target = module.poolwright.google_service_account.function
    values = { email = "function@acme-gpus.iam.gserviceaccount.com" }
  }
  assert {
    condition     = output.notification_config.pubsub.topic == "projects/acme-gpus/topics/gke-notifications"
    error_message = "The cluster is told the topic of the module's."
  }
}
