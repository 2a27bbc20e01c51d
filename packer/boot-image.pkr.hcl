# A boot image: a GKE node image with container images pre-loaded and what nodes need at their start baked in.
#
#   packer init packer && PKR_VAR_project=... packer build packer
#
# The machine has the project's default service account for as long as it lives, with a scope that lets it read container
# images. Its tokens come from the metadata server, so no key is ever on its disk.

locals {
  labels = {
    poolwright-environment  = var.environment
    poolwright-run-id       = var.run_id
    poolwright-source-image = var.source_image
    poolwright-gke-version  = var.gke_version
  }
}

source "googlecompute" "boot_image" {
  project_id    = var.project
  zone          = var.zone
  machine_type  = var.machine_type
  instance_name = "${var.image_name}-build"
  labels        = local.labels
  scopes        = ["https://www.googleapis.com/auth/devstorage.read_only"]
  # Packer deletes its machine, whatever becomes of the build, unless it is killed itself
  # (https://cloud.google.com/compute/docs/instances/limit-vm-runtime).
  max_run_duration_in_seconds = var.time_limit_seconds
  instance_termination_action = "DELETE"

  # OS Login would put people's keys in the place of this build's.
  metadata = {
    enable-oslogin         = "FALSE"
    block-project-ssh-keys = "TRUE"
  }

  network          = var.network
  subnetwork       = var.subnetwork
  omit_external_ip = var.internal_only
  use_internal_ip  = var.internal_only

  source_image            = var.source_image
  source_image_project_id = [var.source_image_project]
  disk_name               = "${var.image_name}-build"
  disk_size               = var.disk_size_gb
  disk_type               = "pd-ssd"

  # Guest OS features and licenses come with the disk, and with it from the source image.
  image_name        = var.image_name
  image_family      = var.image_family
  image_description = "Boot image ${var.run_id} of ${var.environment}, made of ${var.source_image}."
  image_labels      = local.labels

  communicator = "ssh"
  ssh_username = "poolwright"
  ssh_timeout  = "10m"
}

build {
  sources = ["source.googlecompute.boot_image"]

  # On COS /tmp, /home and /var are noexec, so every script runs as `bash PATH`.
  provisioner "shell" {
    inline          = ["mkdir -p /tmp/poolwright"]
    execute_command = "{{.Vars}} bash {{.Path}}"
  }

  provisioner "file" {
    source      = "${path.root}/node/"
    destination = "/tmp/poolwright"
  }

  provisioner "file" {
    source      = "${path.root}/containers.txt"
    destination = "/tmp/poolwright/containers.txt"
  }

  provisioner "shell" {
    environment_vars = [
      "POOLWRIGHT_CONTAINERS=${var.containers}",
      "POOLWRIGHT_ENVIRONMENT=${var.environment}",
      "POOLWRIGHT_RUN_ID=${var.run_id}",
      "POOLWRIGHT_SOURCE_IMAGE=${var.source_image}",
    ]
    inline = [
      "set -o errexit",
      "bash /tmp/poolwright/preload.sh",
      "bash /tmp/poolwright/bake.sh",
      "bash /tmp/poolwright/verify.sh",
      "bash /tmp/poolwright/cleanup.sh",
    ]
    execute_command = "sudo env {{.Vars}} bash {{.Path}}"
  }
}
