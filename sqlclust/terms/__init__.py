"""Terms: which words and phrases are typical of each of some groups of texts. No SQL."""
