"""The page and the HTTP API behind ``digitcnn serve``."""
