"""A private PostgreSQL and a private RabbitMQ, from the machine's own binaries and without Docker.

Nothing about them is global: folders, ports, Erlang's port mapper, cookie and passwords are their own,
so that they run beside servers on the standard ports and beside those of another clone. `make up` hands
`orden()` and `entorno()` to supervisord; the tests start and stop the servers themselves.
"""

from __future__ import annotations

from deploy.local.servidores.postgres import Postgres, PostgresPrivado, binarios_postgres
from deploy.local.servidores.rabbit import PuertosRabbit, Rabbit, RabbitPrivado

__all__ = ["Postgres", "PostgresPrivado", "PuertosRabbit", "Rabbit", "RabbitPrivado", "binarios_postgres"]
