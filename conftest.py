"""The repository runs its own plugin from the entry point; pytester is for the plugin's tests."""

pytest_plugins = ["pytester"]
