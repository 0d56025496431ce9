"""The audit log: what an entry says, how entries are chained, and how a chain is checked, also offline."""
