"""`gidgetlambda hook`: send again what GitLab could not deliver."""
