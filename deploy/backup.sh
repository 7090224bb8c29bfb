#!/bin/sh
# One backup into a folder, and away with those that are older than 30 days, and with what is left of one that was killed. /health/ready
# warns where none was made for 26 hours.
set -eu
jiafang backup "$1/$(date -u +%Y-%m-%dT%H%M%S).backup"
find "$1" \( -name '*.backup' -mtime +30 -o -name '.*.backup.*' -mtime +0 \) -delete
