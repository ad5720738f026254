"""The leads file: what it is, whether it is the right one and whole, its name and its receipt."""
