"""Tables of digits from files and DataFrames: read, checked, streamed."""
