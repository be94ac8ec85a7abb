"""Several sessions on one volume made one: along its axes, and through its time points."""
