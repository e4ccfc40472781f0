"""`gidgetlambda parked`: list, show, replay and drop the parked tasks."""
