function startRuns() {}
