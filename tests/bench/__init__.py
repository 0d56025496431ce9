"""The benches, for `make bench`."""

import os

#: Whatever here opens a connection of its own looks at every CM, and says so (`shared/persistence/aislamiento.py`);
#: the services' engines say it themselves.
os.environ.setdefault("PGOPTIONS", "-c cm.cuenta=*")
