"""Controllers: decide what a panel's signals do."""
