"""The dock widgets: Qt only. Panels emit signals and have ``set_*`` methods; controllers decide."""
