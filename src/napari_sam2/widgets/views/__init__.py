"""Views: panels and dialogs that emit signals and have `set_*` methods."""
