"""Sign-up in four steps: where, what, how, check; then one step left."""
