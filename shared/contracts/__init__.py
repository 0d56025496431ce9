"""RPC and event payloads, by owner. `base.py` says how they are written."""
