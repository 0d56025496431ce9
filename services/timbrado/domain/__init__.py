"""Rules of timbrado that need neither database nor bus, a module per capability."""

from services.timbrado.domain.cti import (
    LARGO_CONTRASENA,
    CtiGuardada,
    TipoCti,
    credenciales_invalidas,
    cti_bloqueada,
    generar_contrasena,
)
from services.timbrado.domain.timbrado import IDD_MAXIMO, idd_reutilizado, pendiente, sin_timbres

__all__ = [
    "IDD_MAXIMO",
    "LARGO_CONTRASENA",
    "CtiGuardada",
    "TipoCti",
    "credenciales_invalidas",
    "cti_bloqueada",
    "generar_contrasena",
    "idd_reutilizado",
    "pendiente",
    "sin_timbres",
]
