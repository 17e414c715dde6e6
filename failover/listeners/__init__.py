"""Ready-made listeners, one file each: pass them in `on_event=[...]`."""
