"""Values and rules of clientes: plain Python, a module per capability."""

from services.clientes.domain.clientes import (
    ClienteGuardado,
    cti_inicial,
    precio_unitario,
    texto_requerido,
)
from services.clientes.domain.correos import Boton, CorreoEscrito, Mensaje
from services.clientes.domain.cuentas import (
    Administra,
    CuentaGuardada,
    Estado,
    Rol,
    exigir_activa,
    un_anio_despues,
)
from services.clientes.domain.perfiles import (
    VIDA_ACCESO,
    VIDA_RENOVACION,
    VIDA_SESION,
    Credenciales,
    PerfilGuardado,
    Renovacion,
    credenciales_invalidas,
    huella_de,
    normalizar_correo,
    normalizar_movil,
    normalizar_usuario,
    nueva_renovacion,
    sesion_terminada,
)

__all__ = [
    "VIDA_ACCESO",
    "VIDA_RENOVACION",
    "VIDA_SESION",
    "Administra",
    "Boton",
    "ClienteGuardado",
    "CorreoEscrito",
    "Credenciales",
    "CuentaGuardada",
    "Estado",
    "Mensaje",
    "PerfilGuardado",
    "Renovacion",
    "Rol",
    "credenciales_invalidas",
    "cti_inicial",
    "exigir_activa",
    "huella_de",
    "normalizar_correo",
    "normalizar_movil",
    "normalizar_usuario",
    "nueva_renovacion",
    "precio_unitario",
    "sesion_terminada",
    "texto_requerido",
    "un_anio_despues",
]
