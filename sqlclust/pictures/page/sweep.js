function startSweep() {}
