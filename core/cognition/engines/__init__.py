"""The engines that ship, a file each: every module here registers itself in `core.cognition.registry.ENGINES`."""
