function startTable() {}
