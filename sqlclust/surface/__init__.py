"""What SQL sees: plain callables, a record for each, and the catalogue of them all. Only `bindings` knows how they are bound."""
