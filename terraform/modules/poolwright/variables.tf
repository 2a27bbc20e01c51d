variable "project_id" {
  description = "Id of the project that holds poolwright: its topics, functions and store."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project_id))
    error_message = "project_id must be a project's id: 6 to 30 lower-case letters, digits and hyphens, not its number or name."
  }
}

variable "fleet_projects" {
  description = "Ids of the projects whose clusters and boot-image builds poolwright looks after; only project_id's own if empty."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.fleet_projects : can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", id))])
    error_message = "Each of fleet_projects must be a project's id: 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "Region of the functions, the scheduler job and the buckets."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region such as us-central1, not a zone."
  }
}

variable "archive" {
  description = "Path of the deployment archive, dist/poolwright-functions.zip; make package writes it."
  type        = string

  validation {
    condition     = fileexists(var.archive) && endswith(var.archive, ".zip")
    error_message = "archive must be the path of the deployment archive; make package writes dist/poolwright-functions.zip."
  }
}

variable "firestore_location" {
  description = "Location of the Firestore database, such as nam5 or europe-west4; the region if empty. It cannot be changed later."
  type        = string
  default     = ""

  validation {
    condition     = var.firestore_location == "" || can(regex("^([a-z]+-[a-z]+[0-9]+|nam[0-9]+|eur[0-9]+)$", var.firestore_location))
    error_message = "firestore_location must be a region such as europe-west4 or a multi-region such as nam5 or eur3."
  }
}

variable "firestore_database" {
  description = "Id of the Firestore database that is made for poolwright's own state."
  type        = string
  default     = "poolwright"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,61}[a-z0-9]$", var.firestore_database))
    error_message = "firestore_database must have 4 to 63 lower-case letters, digits and hyphens and begin with a letter."
  }
}

variable "node_service_accounts" {
  description = "Emails of the service accounts that nodes run as. Function step must act as them to insert their instance templates."
  type        = set(string)

  validation {
    condition     = length(var.node_service_accounts) > 0 && alltrue([for email in var.node_service_accounts : can(regex("^([a-z][a-z0-9-]{4,28}[a-z0-9]@[a-z0-9.-]+\\.iam|[0-9]+-compute@developer)\\.gserviceaccount\\.com$", email))])
    error_message = "node_service_accounts must name the nodes' service accounts by email, such as gke-nodes@my-project.iam.gserviceaccount.com (6 to 30 characters before the @); one at least."
  }
}

variable "commanders" {
  description = "IAM members who may publish rollout commands, such as group:platform@example.com."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.commanders : can(regex("^(user|group|serviceAccount|principal|principalSet):.+$", member))])
    error_message = "Each of commanders must be an IAM member such as group:platform@example.com; allUsers is never one."
  }
}

variable "webhook_variables" {
  description = "Names that environment files give as notifications.webhookVariable. Each becomes a secret, whose version (the URL) is added by hand."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.webhook_variables : can(regex("^[A-Z][A-Z0-9_]*$", name))])
    error_message = "Each of webhook_variables must be an environment variable's name, such as POOLWRIGHT_PRODUCTION_WEBHOOK."
  }
}

variable "alert_channels" {
  description = "Names (projects/P/notificationChannels/N) of the Monitoring channels that hear of poolwright's alerts."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.alert_channels : can(regex("^projects/[^/]+/notificationChannels/[^/]+$", name))])
    error_message = "Each of alert_channels must read projects/P/notificationChannels/N."
  }
}

variable "source_repository" {
  description = "Repository with these files, connected to Cloud Build in the region (projects/P/locations/R/connections/C/repositories/N), that triggers test and build; no triggers if empty."
  type        = string
  default     = ""

  validation {
    condition     = var.source_repository == "" || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.source_repository))
    error_message = "source_repository must read projects/P/locations/R/connections/C/repositories/N."
  }
}

variable "source_branch" {
  description = "Regular expression of the branch whose pull requests are tested and whose commits are built."
  type        = string
  default     = "^main$"

  validation {
    condition     = var.source_branch != "" && !strcontains(var.source_branch, "refs/")
    error_message = "source_branch must be a regular expression of the branch's name alone, such as ^main$."
  }
}

variable "vpc_connector" {
  description = "Serverless VPC Access connector (projects/P/locations/R/connectors/C) through which private control planes are reached; none if empty."
  type        = string
  default     = ""

  validation {
    condition     = var.vpc_connector == "" || can(regex("^projects/[^/]+/locations/[^/]+/connectors/[^/]+$", var.vpc_connector))
    error_message = "vpc_connector must read projects/P/locations/R/connectors/C."
  }
}

variable "max_instances" {
  description = "How many instances function step may have. A wave of a hundred groups is a hundred messages; an instance takes eight at a time."
  type        = number
  default     = 20

  validation {
    condition     = var.max_instances >= 1 && var.max_instances <= 1000 && floor(var.max_instances) == var.max_instances
    error_message = "max_instances must be a whole number from 1 to 1000."
  }
}

variable "log_level" {
  description = "POOLWRIGHT_LOG_LEVEL of every function."
  type        = string
  default     = "INFO"

  validation {
    condition     = contains(["DEBUG", "INFO", "WARNING", "ERROR"], var.log_level)
    error_message = "log_level must be DEBUG, INFO, WARNING or ERROR."
  }
}

variable "otlp_endpoint" {
  description = "Where functions send traces, OTLP over HTTP, such as http://collector.internal:4318; empty for nowhere."
  type        = string
  default     = ""

  validation {
    condition     = var.otlp_endpoint == "" || can(regex("^https?://[^/]+", var.otlp_endpoint))
    error_message = "otlp_endpoint must be a URL that begins with http:// or https://, or empty."
  }
}

variable "deletion_protection" {
  description = "Whether the Firestore database, with the audit trail in it, survives terraform destroy."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of everything that takes labels."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must have keys and values of lower-case letters, digits, hyphens and underscores, at most 63 of them."
  }
}

variable "runbooks" {
  description = "Where the runbooks are served that alerts name, as an address or a path; each alert adds #NAME."
  type        = string
  default     = "docs/recover.md"

  validation {
    condition     = can(regex("^[^# ]+$", var.runbooks))
    error_message = "runbooks must be an address or a path without # and spaces."
  }
}

variable "alerts" {
  description = "When alerts open. Seconds are how long something lasts, in whole minutes; the others are counts in five minutes."
  type = object({
    stuck_rollout_seconds       = optional(number, 1800)
    old_message_seconds         = optional(number, 1800)
    no_tick_seconds             = optional(number, 600)
    drift_seconds               = optional(number, 3600)
    unseen_seconds              = optional(number, 900)
    brake_seconds               = optional(number, 43200)
    no_stock_seconds            = optional(number, 1800)
    refused_provisioner_seconds = optional(number, 1800)
    failures_in_five_minutes    = optional(number, 5)
    weather_in_five_minutes     = optional(number, 100)
  })
  default = {}

  validation {
    condition     = alltrue([for name, value in var.alerts : value >= 0 && (!endswith(name, "_seconds") || (value % 60 == 0 && value >= 120 && value <= 82800))])
    error_message = "Of alerts, seconds must be whole minutes from 120 to 82800, which is what Cloud Monitoring takes, and counts not negative."
  }
}

variable "status_page_viewers" {
  description = "IAM members who may look at the status page, such as group:platform@example.com. Nobody if empty."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for member in var.status_page_viewers : can(regex("^(user|group|domain|serviceAccount|principal|principalSet):.+$", member))])
    error_message = "Each of status_page_viewers must be an IAM member such as group:platform@example.com; allUsers and allAuthenticatedUsers are never one."
  }
}

variable "status_page_iap" {
  description = "Whether people reach the status page through Identity-Aware Proxy; otherwise with gcloud, by IAM alone. docs/status-page.md has the command that switches it on."
  type        = bool
  default     = false
}
