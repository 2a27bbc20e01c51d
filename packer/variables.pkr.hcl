# What a build is told, as PKR_VAR_...; cloudbuild/boot-image.yaml passes all that have no default here. Where Cloud Build
# was not told of one it comes as an empty text.

variable "project" {
  type        = string
  description = "Id of the project in which the machine runs and the image is made."
}

variable "zone" {
  type        = string
  description = "Zone in which the machine runs."

  validation {
    condition     = length(var.zone) > 0
    error_message = "The variable zone is empty: a build needs it."
  }
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

  validation {
    condition     = length(var.source_image) > 0
    error_message = "The variable source_image is empty: a build needs it."
  }
}

variable "source_image_project" {
  type        = string
  description = "Id of the project that has the source image."

  validation {
    condition     = length(var.source_image_project) > 0
    error_message = "The variable source_image_project is empty: a build needs it."
  }
}

variable "image_name" {
  type        = string
  description = "Name of the image to make; packer stops before it starts a machine if there is one."

  validation {
    condition     = length(var.image_name) > 0
    error_message = "The variable image_name is empty: a build needs it."
  }
}

variable "image_family" {
  type        = string
  description = "Family of the image, poolwright-ENVIRONMENT."

  validation {
    condition     = length(var.image_family) > 0
    error_message = "The variable image_family is empty: a build needs it."
  }
}

variable "environment" {
  type        = string
  description = "Name of the environment."

  validation {
    condition     = length(var.environment) > 0
    error_message = "The variable environment is empty: a build needs it."
  }
}

variable "run_id" {
  type        = string
  description = "The build's number in its environment."

  validation {
    condition     = length(var.run_id) > 0
    error_message = "The variable run_id is empty: a build needs it."
  }
}

variable "gke_version" {
  type        = string
  description = "GKE version of the source image, as a label has it: 1-33-5-gke-1308000."
}

variable "containers" {
  type        = string
  description = "Container images to pre-load beside those of containers.txt, each NAME@sha256:DIGEST, separated by commas."
}

variable "time_limit_seconds" {
  type        = number
  description = "How long the machine may run; Compute deletes it then, if packer is not there any more to do so."
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
