"""How events are kept: codec, recorders, group-commit writer, projection runner. Knows no domain."""
