"""What pictures of a result show, and the pictures: a page for a browser, and plots."""
