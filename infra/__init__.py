"""What surrounds the functions and never ships to Lambda: command line, sandbox GitLab, testing."""
