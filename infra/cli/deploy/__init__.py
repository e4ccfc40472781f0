"""The deployment to AWS."""
