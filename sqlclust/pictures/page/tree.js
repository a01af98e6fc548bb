function startTree() {}
function treePart() { return null; }
