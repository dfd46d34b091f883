#!/usr/bin/env bash
# Training on several machines under Slurm: a rank a task, which together give the bytes of one process.
#   sbatch deploy/slurm-train.sh ILSVRC2012 runs/A
# MPI=pmi2 for MPICH; Slurm's own list: srun --mpi=list. SIGUSR2 comes 5 minutes before the time is over: the step is finished, a
# checkpoint written, and the job put into the queue again.
#SBATCH --job-name=verydeep-train
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR2@300
#SBATCH --requeue
set -uo pipefail

data=${1:?folder of the images}
out=${2:?folder for the results, which the first node sees}

srun --mpi="${MPI:-pmix}" verydeep train imagenet \
  --data "$data" \
  --config A \
  --batch 256 \
  --micro-batch 32 \
  --threads "${SLURM_CPUS_PER_TASK:-8}" \
  --resume \
  --quiet \
  --out "$out"
status=$?
[ "$status" -eq 130 ] && scontrol requeue "$SLURM_JOB_ID"
exit "$status"
