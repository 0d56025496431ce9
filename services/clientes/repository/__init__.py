"""All of clientes' SQL, a module per capability; `Repositorio` is all of them in one transaction."""

from services.clientes.repository.altas import Altas
from services.clientes.repository.auditoria import Auditoria
from services.clientes.repository.avisos import Avisos
from services.clientes.repository.cartera import Cartera
from services.clientes.repository.clientes import Clientes
from services.clientes.repository.conversiones import Conversiones
from services.clientes.repository.correos import Correos
from services.clientes.repository.cuentas import Cuentas
from services.clientes.repository.distribuidores import Distribuidores
from services.clientes.repository.importaciones import Importaciones
from services.clientes.repository.limites import Limites
from services.clientes.repository.llaves_api import LlavesApi
from services.clientes.repository.perfiles import Perfiles
from services.clientes.repository.privacidad import Privacidad
from services.clientes.repository.registro import Registros
from services.clientes.repository.renovaciones import RenovacionesDeCuenta
from services.clientes.repository.segundo_factor import SegundosFactores
from services.clientes.repository.sesiones import Sesiones
from services.clientes.repository.tokens import Tokens
from services.clientes.repository.usuarios import Usuarios


class Repositorio(
    Perfiles,
    Registros,
    SegundosFactores,
    Sesiones,
    Cuentas,
    Distribuidores,
    RenovacionesDeCuenta,
    Clientes,
    Cartera,
    Importaciones,
    Altas,
    Conversiones,
    Correos,
    Tokens,
    Auditoria,
    Avisos,
    Limites,
    LlavesApi,
    Usuarios,
    Privacidad,
):
    """clientes' database, inside one transaction."""


__all__ = ["Repositorio"]
