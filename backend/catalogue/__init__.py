"""The catalogue: queries change nothing, commands answer with an ISBN and a version."""
