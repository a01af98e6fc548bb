"""What the plugin of Datasette adds to its pages, where a database has our tables. See README.md."""
