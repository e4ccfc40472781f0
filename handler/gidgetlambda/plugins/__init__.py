"""Ready-made handlers: one module per feature, each with a `router` to register."""
