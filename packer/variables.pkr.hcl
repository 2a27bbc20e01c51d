# What a build is told, as PKR_VAR_...; cloudbuild/boot-image.yaml passes all that have no default here.

variable "project" {
  type        = string
  description = "Id of the project in which the machine runs and the image is made."
}

variable "zone" {
  type        = string
  description = "Zone in which the machine runs."
}

variable "machine_type" {
  type        = string
  description = "Machine type of the machine that becomes the image."
}

variable "disk_size_gb" {
  type        = number
  description = "Size of the image in GB, no smaller than the source image."
}

variable "source_image" {
  type        = string
  description = "Name of the GKE node image, COS or Ubuntu, that the reference pool uses."
}

variable "source_image_project" {
  type        = string
  description = "Id of the project that has the source image."
}

variable "image_name" {
  type        = string
  description = "Name of the image to make; packer stops before it starts a machine if there is one."
}

variable "image_family" {
  type        = string
  description = "Family of the image, poolwright-ENVIRONMENT."
}

variable "environment" {
  type        = string
  description = "Name of the environment."
}

variable "run_id" {
  type        = string
  description = "The build's number in its environment."
}

variable "gke_version" {
  type        = string
  description = "GKE version of the source image, as a label has it: 1-33-5-gke-1308000."
}

variable "containers" {
  type        = string
  description = "Container images to pre-load beside those of containers.txt, each NAME@sha256:DIGEST, separated by commas."
}

variable "network" {
  type        = string
  default     = "default"
  description = "Network of the machine."
}

variable "subnetwork" {
  type        = string
  default     = ""
  description = "Subnetwork of the machine; a network in custom mode needs one."
}

variable "internal_only" {
  type        = bool
  default     = false
  description = "Give the machine no outside address and reach it by its inside one, as from a private pool of Cloud Build."
}
