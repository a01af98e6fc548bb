"""Results: publishing, listing and comparing them."""
