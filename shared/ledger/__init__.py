"""Double-entry ledger: accounts, movements, holds, hash chain. Used by timbrado and puntos."""
