"""What the mails of clientes say, a module per capability: functions that answer a `Mensaje`."""
