#!/usr/bin/env bash
# Says which files of the project the services run from; sourced by install.sh and gcp.sh, so that both take the same.

# shellcheck disable=SC2034 # read by the scripts that source this file
SERVICE_FILES=(
  app_jwt_redis.py microservicioCQRSRedis.py gunicorn.conf.py backend
  init.sql requirements.txt .env.example stack deploy
)
