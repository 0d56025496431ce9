"""Contracts of clientes, a module per capability."""

from shared.contracts.clientes.altas import *  # noqa: F403
from shared.contracts.clientes.auditoria import *  # noqa: F403
from shared.contracts.clientes.avisos import *  # noqa: F403
from shared.contracts.clientes.campos import COLORES as COLORES
from shared.contracts.clientes.campos import SIN_NULOS as SIN_NULOS
from shared.contracts.clientes.cartera import *  # noqa: F403
from shared.contracts.clientes.clientes import *  # noqa: F403
from shared.contracts.clientes.conversiones import *  # noqa: F403
from shared.contracts.clientes.correos import *  # noqa: F403
from shared.contracts.clientes.cuentas import *  # noqa: F403
from shared.contracts.clientes.distribuidores import *  # noqa: F403
from shared.contracts.clientes.importaciones import *  # noqa: F403
from shared.contracts.clientes.llaves_api import *  # noqa: F403
from shared.contracts.clientes.perfiles import *  # noqa: F403
from shared.contracts.clientes.privacidad import *  # noqa: F403
from shared.contracts.clientes.registro import *  # noqa: F403
from shared.contracts.clientes.renovaciones import *  # noqa: F403
from shared.contracts.clientes.segundo_factor import *  # noqa: F403
from shared.contracts.clientes.sesiones import *  # noqa: F403
from shared.contracts.clientes.usuarios import *  # noqa: F403
