"""`parked`: the tasks that could not be done, looked at and sent on their way again."""
