"""What several tests share: predictors, servers, files of each kind, and references."""
