"""What timbrado does, one function per action, by capability."""
