"""Rules of timbrado that need neither database nor bus, a module per capability."""

from services.timbrado.domain.cti import (
    LARGO_CONTRASENA,
    LLAVES_MAXIMAS,
    Contrasena,
    CtiGuardada,
    TipoCti,
    credenciales_invalidas,
    cti_bloqueada,
    es_id,
    es_llave,
    generar_contrasena,
    generar_llave,
    huella_de_llave,
    id_asignado,
    revisar_contrasena,
    revisar_id,
)
from services.timbrado.domain.timbrado import IDD_MAXIMO, idd_reutilizado, pendiente, sin_pac, sin_timbres

__all__ = [
    "IDD_MAXIMO",
    "LARGO_CONTRASENA",
    "LLAVES_MAXIMAS",
    "Contrasena",
    "CtiGuardada",
    "TipoCti",
    "credenciales_invalidas",
    "cti_bloqueada",
    "es_id",
    "es_llave",
    "generar_contrasena",
    "generar_llave",
    "huella_de_llave",
    "id_asignado",
    "idd_reutilizado",
    "pendiente",
    "revisar_contrasena",
    "revisar_id",
    "sin_pac",
    "sin_timbres",
]
