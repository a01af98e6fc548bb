"""Everything that reads or writes our tables: selecting points, publishing results, listing and deleting them."""
