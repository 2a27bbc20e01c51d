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

provider "kubernetes" {
  alias          = "serving_eu"
  config_path    = "~/.kube/config"
  config_context = var.kube_contexts["serving_eu"]
}

provider "kubernetes" {
  alias          = "serving_us"
  config_path    = "~/.kube/config"
  config_context = var.kube_contexts["serving_us"]
}
