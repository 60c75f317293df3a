#!/usr/bin/env bash
# usage: production/cloud_run.sh PROJECT BUCKET DATASET [LOCATION]
#
# Makes a daily Cloud Run job of the collector: an image, an account that may do no more than it must, the job, and its
# schedule. Bucket and dataset are there already (README). Done again, it brings all of it up to date. Needs gcloud and bq,
# logged in as an owner of the project. production/main.tf says the same for Terraform.
set -euo pipefail

readonly PROJECT=${1:?see the head of this file} BUCKET=${2:?see the head of this file} DATASET=${3:?see the head of this file}
readonly LOCATION=${4:-europe-west2} NAME=gb-electricity
readonly ACCOUNT=$NAME@$PROJECT.iam.gserviceaccount.com CALLER=$NAME-schedule@$PROJECT.iam.gserviceaccount.com
readonly IMAGE=$LOCATION-docker.pkg.dev/$PROJECT/$NAME/collector:latest
ROOT=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)

# is_there KIND... NAME [FLAG...]
is_there() {
    gcloud "$@" --project="$PROJECT" >/dev/null 2>&1
}

gcloud services enable --project="$PROJECT" run.googleapis.com cloudscheduler.googleapis.com artifactregistry.googleapis.com \
    cloudbuild.googleapis.com storage.googleapis.com bigquery.googleapis.com

is_there artifacts repositories describe "$NAME" --location="$LOCATION" ||
    gcloud artifacts repositories create "$NAME" --project="$PROJECT" --location="$LOCATION" --repository-format=docker
# The builder looks for a Dockerfile at the root of what it is sent.
gcloud builds submit "$ROOT" --project="$PROJECT" --config="$ROOT/production/cloudbuild.yaml" --substitutions="_IMAGE=$IMAGE"

for account in "$NAME" "$NAME-schedule"; do
    is_there iam service-accounts describe "$account@$PROJECT.iam.gserviceaccount.com" ||
        gcloud iam service-accounts create "$account" --project="$PROJECT"
done
for role in roles/storage.objectUser roles/storage.legacyBucketReader; do
    gcloud storage buckets add-iam-policy-binding "gs://$BUCKET" --member="serviceAccount:$ACCOUNT" --role="$role"
done
bq query --project_id="$PROJECT" --use_legacy_sql=false \
    "GRANT \`roles/bigquery.dataEditor\` ON SCHEMA \`$PROJECT\`.$DATASET TO 'serviceAccount:$ACCOUNT'"
gcloud projects add-iam-policy-binding "$PROJECT" --member="serviceAccount:$ACCOUNT" --role=roles/bigquery.jobUser --condition=None

# 2 GiB: B1610 takes 500 MB, and the job's files are memory too. A day's run takes minutes; the time-out is for a backfill.
gcloud run jobs deploy "$NAME" --project="$PROJECT" --region="$LOCATION" --image="$IMAGE" --service-account="$ACCOUNT" \
    --cpu=1 --memory=2Gi --task-timeout=24h --max-retries=0 --tasks=1 \
    --set-env-vars="BMRS_PROJECT=$PROJECT,BMRS_BUCKET=$BUCKET,BMRS_DATASET=$DATASET,BMRS_LOCATION=$LOCATION"
# A webhook is a secret: make one named bmrs-notify-url, grant $ACCOUNT roles/secretmanager.secretAccessor on it, and add
#   --set-secrets=BMRS_NOTIFY_URL=bmrs-notify-url:latest

gcloud run jobs add-iam-policy-binding "$NAME" --project="$PROJECT" --region="$LOCATION" \
    --member="serviceAccount:$CALLER" --role=roles/run.invoker
is_there scheduler jobs describe "$NAME" --location="$LOCATION" ||
    gcloud scheduler jobs create http "$NAME" --project="$PROJECT" --location="$LOCATION" --schedule='30 6 * * *' --time-zone=Europe/London --http-method=POST \
        --uri="https://run.googleapis.com/v2/projects/$PROJECT/locations/$LOCATION/jobs/$NAME:run" \
        --oauth-service-account-email="$CALLER"
