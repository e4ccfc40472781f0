"""`gidgetlambda hook`: have GitLab send again what did not arrive."""
