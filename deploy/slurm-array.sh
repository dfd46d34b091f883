#!/usr/bin/env bash
# Extraction as a Slurm array: eight jobs, a share of the images each, in one folder on a shared file system.
#   sbatch deploy/slurm-array.sh photos vgg16.safetensors features/photos
# Slurm sets SLURM_ARRAY_TASK_ID, which `--shard auto/8` reads; a job that was requeued resumes.
#SBATCH --job-name=verydeep-extract
#SBATCH --array=0-7
#SBATCH --cpus-per-task=4
#SBATCH --mem=4G
#SBATCH --time=12:00:00
#SBATCH --requeue
set -euo pipefail

data=${1:?folder of images}
backbone=${2:?weight file}
out=${3:?folder for the descriptors}

exec verydeep extract folder \
  --data "$data" \
  --backbone "$backbone" \
  --recipe voc \
  --precision int8 \
  --threads "${SLURM_CPUS_PER_TASK:-4}" \
  --shard auto/8 \
  --resume \
  --quiet \
  --out "$out"
