"""The subcommands of ``circuit-claims``, a module for each."""
