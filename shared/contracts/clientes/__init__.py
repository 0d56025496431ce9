"""Contracts of clientes, a module per capability."""

from shared.contracts.clientes.campos import SIN_NULOS as SIN_NULOS
from shared.contracts.clientes.clientes import *  # noqa: F403
from shared.contracts.clientes.cuentas import *  # noqa: F403
from shared.contracts.clientes.perfiles import *  # noqa: F403
