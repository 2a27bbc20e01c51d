terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    kubernetes = {
      source  = "hashicorp/kubernetes"
      version = "~> 2.38"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

# The cluster that kubectl talks to: gcloud container clusters get-credentials CLUSTER --location=LOCATION
provider "kubernetes" {
  config_path    = "~/.kube/config"
  config_context = var.kube_context
}
