"""What clientes does, a module per capability."""
