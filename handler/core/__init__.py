"""The framework: everything that is the same in each deployment."""

__version__ = "0.1.0"
