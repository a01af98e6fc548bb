"""Arrays only: progress, stopping, threads and memory: what long work needs to run well."""
