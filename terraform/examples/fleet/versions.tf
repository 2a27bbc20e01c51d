terraform {
  required_version = ">= 1.9"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    helm = {
      source  = "hashicorp/helm"
      version = "~> 3.1"
    }
  }
}

provider "google" {
  project = var.project_id
  region  = var.region
}

provider "helm" {
  alias = "serving_eu"

  kubernetes = {
    config_path    = "~/.kube/config"
    config_context = var.kube_contexts["serving_eu"]
  }
}

provider "helm" {
  alias = "serving_us"

  kubernetes = {
    config_path    = "~/.kube/config"
    config_context = var.kube_contexts["serving_us"]
  }
}
