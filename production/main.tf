# The collector as a daily Cloud Run job, with bucket, dataset and an account that may do no more than it must.
#
#   terraform init && terraform apply -var project=YOUR-PROJECT -var bucket=YOUR-BUCKET -var image=IMAGE
#
# The image is that of production/Dockerfile, pushed to a registry of the project. production/cloud_run.sh does the same by
# gcloud. The roles are those of the README's table.

terraform {
  required_version = ">= 1.5"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.0, < 8.0"
    }
  }
}

variable "project" { type = string }
variable "bucket" { type = string }
variable "image" { type = string }

variable "dataset" {
  type    = string
  default = "uk_energy_prod"
}

variable "location" {
  type    = string
  default = "europe-west2"
}

variable "schedule" {
  type    = string
  default = "30 6 * * *"
}

variable "notify_secret" {
  description = "Secret Manager's secret that holds the webhook's address; empty for none"
  type        = string
  default     = ""
}

provider "google" {
  project = var.project
  region  = var.location
}

locals {
  name         = "gb-electricity"
  collector    = "serviceAccount:${google_service_account.collector.email}"
  bucket_roles = toset(["roles/storage.objectUser", "roles/storage.legacyBucketReader"])
  apis         = toset(["run", "cloudscheduler", "storage", "bigquery"])
  notifies     = var.notify_secret == "" ? [] : [var.notify_secret]
}

resource "google_project_service" "api" {
  for_each           = local.apis
  service            = "${each.value}.googleapis.com"
  disable_on_destroy = false
}

# Where the data are. What is lost here is lost: the source serves only the newest of many datasets.
resource "google_storage_bucket" "archive" {
  name                        = var.bucket
  location                    = var.location
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle {
    prevent_destroy = true
  }
}

resource "google_bigquery_dataset" "tables" {
  dataset_id = var.dataset
  location   = var.location

  lifecycle {
    prevent_destroy = true
  }
}

# Who collects.
resource "google_service_account" "collector" {
  account_id   = local.name
  display_name = "GB electricity: collects"
}

resource "google_storage_bucket_iam_member" "collector" {
  for_each = local.bucket_roles
  bucket   = google_storage_bucket.archive.name
  role     = each.value
  member   = local.collector
}

resource "google_bigquery_dataset_iam_member" "collector" {
  dataset_id = google_bigquery_dataset.tables.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = local.collector
}

resource "google_project_iam_member" "collector" {
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = local.collector
}

resource "google_secret_manager_secret_iam_member" "collector" {
  for_each  = toset(local.notifies)
  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = local.collector
}

# The job. 2 GiB: B1610 takes 500 MB, and the job's files are memory too. A day's run takes minutes; the time-out is for a
# backfill, which goes on at the next start where it was cut off.
resource "google_cloud_run_v2_job" "collector" {
  name       = local.name
  location   = var.location
  depends_on = [google_project_service.api]

  template {
    task_count = 1

    template {
      service_account = google_service_account.collector.email
      timeout         = "86400s"
      max_retries     = 0

      containers {
        image = var.image

        resources {
          limits = {
            cpu    = "1"
            memory = "2Gi"
          }
        }

        dynamic "env" {
          for_each = {
            BMRS_PROJECT  = var.project
            BMRS_BUCKET   = google_storage_bucket.archive.name
            BMRS_DATASET  = google_bigquery_dataset.tables.dataset_id
            BMRS_LOCATION = var.location
          }
          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "env" {
          for_each = local.notifies
          content {
            name = "BMRS_NOTIFY_URL"
            value_source {
              secret_key_ref {
                secret  = env.value
                version = "latest"
              }
            }
          }
        }
      }
    }
  }
}

# When it runs, and who starts it.
resource "google_service_account" "schedule" {
  account_id   = "${local.name}-schedule"
  display_name = "GB electricity: starts the job"
}

resource "google_cloud_run_v2_job_iam_member" "schedule" {
  name     = google_cloud_run_v2_job.collector.name
  location = var.location
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.schedule.email}"
}

resource "google_cloud_scheduler_job" "daily" {
  name       = local.name
  region     = var.location
  schedule   = var.schedule
  time_zone  = "Europe/London"
  depends_on = [google_project_service.api]

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/${google_cloud_run_v2_job.collector.id}:run"

    oauth_token {
      service_account_email = google_service_account.schedule.email
    }
  }
}
