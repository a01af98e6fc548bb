"""What long work needs to run well: progress and stopping, threads, memory."""
