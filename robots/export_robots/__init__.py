"""Has each dealership's CRM export its leads, proves that the file is right and whole, and hands it to the portal."""

__version__ = "0.1.0"
