"""The isolation walk as data: what a stranger tries with someone else's ids, for every route of `/openapi.json`.

`PASOS` name an object in their path or body: the stranger is answered 404, and afterwards the owner, with the same
request, is not (or the ids would prove nothing). They are in an order in which each still finds its object.
`PROPIAS` name none: they make or show what is the caller's own, and a list of them never shows the owner's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Paso:
    """`ids`: the names of the owner's objects that fill the path, where they are not the parameter's own name.

    `cuerpo` may hold `{name}` of an object. `ajena` is what the stranger's answer may be, and says `ajena_dice`;
    `duena_dice` is what the owner's refusal says, where the object lacks what was asked of it.
    """

    ruta: str
    cuerpo: Any = None
    ids: dict[str, str] = field(default_factory=dict)
    ajena: tuple[int, ...] = (404,)
    consulta: str = ""
    ajena_dice: str = ""
    duena_dice: str = ""


_CONFIRMADA = {"importe": "1.00", "confirmar": True}

PASOS: tuple[Paso, ...] = (
    Paso("GET /v1/clientes/{nic}"),
    Paso("PATCH /v1/clientes/{nic}", {"notas": "ajena"}),
    Paso("PUT /v1/clientes/{nic}/perfil-principal", {"correo": "{correo}", "movil": "{movil}"}),
    Paso("GET /v1/clientes/{nic}/datos-personales"),
    Paso("POST /v1/clientes/{nic}/supresion", {"confirmar": True}, duena_dice="Bajas"),
    Paso("GET /v1/clientes/{nic}/ctis"),
    Paso("POST /v1/clientes/{nic}/ctis", {"tipo": "estandar"}),
    Paso("GET /v1/clientes/{nic}/licencias"),
    Paso("POST /v1/clientes/{nic}/licencias", {"producto": "FACTUDESK"}),
    Paso("POST /v1/clientes/{nic}/puntos/transferencias", {"puntos": "1.00", **_CONFIRMADA}),
    Paso("GET /v1/comprobantes/{uuid}"),
    Paso("GET /v1/comprobantes/{uuid}/estado"),
    Paso("GET /v1/comprobantes/{uuid}/acuse", duena_dice="no tiene acuse"),
    Paso("GET /v1/contrataciones/{contratacion_id}"),
    Paso("GET /v1/ctis/{cti}"),
    Paso("GET /v1/ctis/{cti}/bitacora"),
    Paso("GET /v1/ctis/{cti}/contrataciones", ids={"cti": "ilimitada"}),
    Paso(
        "POST /v1/ctis/{cti}/contrataciones",
        {"modalidad": "abierta", "precio": "{precio_abierta}", "confirmar": True},
        ids={"cti": "ilimitada"},
    ),
    Paso("GET /v1/ctis/{cti}/contrato", ids={"cti": "ilimitada"}),
    Paso("GET /v1/ctis/{cti}/estado-de-cuenta", consulta="?desde=2026-01-01&hasta=2026-01-31"),
    Paso("GET /v1/ctis/{cti}/limites"),
    Paso("PUT /v1/ctis/{cti}/limites", {"por_minuto": 1000}),
    Paso("GET /v1/ctis/{cti}/llaves"),
    Paso("POST /v1/ctis/{cti}/llaves", {"nombre": "Otra"}),
    Paso("GET /v1/ctis/{cti}/movimientos"),
    Paso("GET /v1/ctis/{cti}/pronostico"),
    Paso("GET /v1/ctis/{cti}/timbrados"),
    Paso("POST /v1/ctis/{cti}/transferencias", {"cantidad": 1, **_CONFIRMADA}),
    Paso("PUT /v1/ctis/{cti}/venta-automatica", {"minimo": 1, "abonar": 1, **_CONFIRMADA}),
    Paso("GET /v1/ctis/{cti}/venta-automatica"),
    Paso(
        "PUT /v1/ventas-automaticas",
        {"ctis": ["{cti}"], "minimo": 1, "abonar": 1, **_CONFIRMADA},
        ajena=(200,),
        ajena_dice='"error":"no_encontrado"',
    ),
    Paso("GET /v1/transferencias-masivas/{masiva_id}"),
    Paso("GET /v1/transferencias-masivas/{masiva_id}/filas"),
    Paso("PUT /v1/avisos/{aviso_id}/lectura"),
    Paso("POST /v1/facturas", {"nic": "{nic}", "referencia": "AJENA", "ventas": ["{venta_id}"]}),
    Paso("PUT /v1/clientes/{nic}/clasificacion", {"favorito": True}),
    Paso("PUT /v1/clientes/clasificaciones", {"nics": ["{nic}"], "color": "azul"}),
    Paso("GET /v1/clientes/importaciones/{importacion_id}"),
    Paso("GET /v1/clientes/importaciones/{importacion_id}/filas"),
    Paso("GET /v1/distribuidores/{distribuidor_id}"),
    Paso("POST /v1/distribuidores/{distribuidor_id}/reenvio"),
    Paso("POST /v1/distribuidores/{distribuidor_id}/activacion", {"confirmar": True}),
    Paso("POST /v1/distribuidores/{distribuidor_id}/suspension", {"motivo": "Prueba", "confirmar": True}),
    Paso("POST /v1/distribuidores/{distribuidor_id}/reactivacion", {"confirmar": True}),
    Paso("GET /v1/distribuidores/{distribuidor_id}/renovacion"),
    Paso("POST /v1/distribuidores/{distribuidor_id}/renovacion", {"total": "1.00", "confirmar": True}),
    Paso("PATCH /v1/usuarios/{perfil_id}", {"rol": "consulta"}, ids={"perfil_id": "usuario_id"}),
    Paso(
        "POST /v1/usuarios/titularidad",
        {"perfil_id": "{usuario_id}", "contrasena": "no es ésta"},
        duena_dice="La contraseña no es correcta",
    ),
    # What ends something, last.
    Paso("DELETE /v1/sesiones/{sesion_id}"),
    Paso("DELETE /v1/usuarios/invitaciones/{invitacion_id}"),
    Paso("DELETE /v1/usuarios/{perfil_id}", {}, ids={"perfil_id": "usuario_id"}),
    Paso("POST /v1/distribuidores/{distribuidor_id}/cancelacion", {"motivo": "Prueba", "confirmar": True}),
    Paso("DELETE /v1/clientes/importaciones/{importacion_id}"),
    Paso("DELETE /v1/llaves-publicas/{llave}"),
    Paso("DELETE /v1/llaves-api/{llave_id}", ids={"llave_id": "llave_api_id"}),
    Paso("DELETE /v1/clientes/{nic}/perfil-principal"),
    Paso(
        "POST /v1/clientes/{nic}/conversion",
        {"correo": "convertida@otra.example", "movil": "+529990001234", "confirmar": True},
        ids={"nic": "convertible"},
    ),
    Paso("DELETE /v1/facturas/{factura_id}"),
    Paso("DELETE /v1/licencias/{licencia_id}"),
    Paso("DELETE /v1/contrataciones/{contratacion_id}"),
    Paso("DELETE /v1/ctis/{cti}/llaves/{llave_id}"),
    Paso("DELETE /v1/ctis/{cti}/venta-automatica"),
    Paso("PUT /v1/ctis/{cti}/contrasena", {}),
    Paso("PUT /v1/ctis/{cti}/bloqueo", {"motivo": "Prueba"}),
    Paso("DELETE /v1/ctis/{cti}/bloqueo", {}),
)

#: Routes that name nobody's object. A list among them is read by the stranger, and shows nothing of the owner's.
PROPIAS = frozenset(
    {
        "GET /v1/altas",
        "GET /v1/auditoria",
        "GET /v1/avisos",
        "GET /v1/avisos/preferencias",
        "PATCH /v1/avisos/preferencias",
        "PUT /v1/avisos/lectura",
        "GET /v1/catalogo/ctis-ilimitadas",
        "GET /v1/clientes",
        "POST /v1/clientes",
        "GET /v1/clientes/exportacion",
        "GET /v1/clientes/importaciones",
        "POST /v1/clientes/importaciones",
        "GET /v1/clientes/importaciones/plantilla",
        "GET /v1/clientes/resumen",
        "GET /v1/conversiones",
        "GET /v1/ctis",
        "GET /v1/cuenta",
        "GET /v1/cuenta/renovaciones",
        "POST /v1/cuenta/renovaciones",
        "GET /v1/cuenta/renovaciones/cotizacion",
        "GET /v1/distribuidores",
        "POST /v1/distribuidores",
        "GET /v1/distribuidores/resumen",
        "GET /v1/facturas",
        "GET /v1/llaves-api",
        "POST /v1/llaves-api",
        "GET /v1/llaves-publicas",
        "POST /v1/llaves-publicas",
        "GET /v1/mkl",
        "GET /v1/perfiles/yo",
        "PATCH /v1/perfiles/yo",
        "GET /v1/perfiles/yo/consentimientos",
        "POST /v1/perfiles/yo/consentimientos",
        "GET /v1/perfiles/yo/datos",
        "GET /v1/perfiles/yo/privacidad",
        "POST /v1/perfiles/yo/supresion",
        "DELETE /v1/perfiles/yo/segundo-factor",
        "GET /v1/perfiles/yo/segundo-factor",
        "POST /v1/perfiles/yo/segundo-factor",
        "PUT /v1/perfiles/yo/segundo-factor",
        "POST /v1/perfiles/yo/segundo-factor/codigos",
        "POST /v1/perfiles/yo/segundo-factor/verificaciones",
        "GET /v1/pronosticos",
        "GET /v1/puntos",
        "GET /v1/puntos/movimientos",
        "DELETE /v1/sesiones",
        "GET /v1/sesiones",
        "DELETE /v1/sesiones/actual",
        "GET /v1/timbres",
        "GET /v1/timbres/estado-de-cuenta",
        "GET /v1/timbres/movimientos",
        "GET /v1/transferencias-masivas",
        "GET /v1/usuarios",
        "POST /v1/usuarios",
        "POST /v1/usuarios/busquedas",
        "GET /v1/ventas",
        "GET /v1/ventas-automaticas",
    }
)

#: What a list can't be asked without.
CONSULTAS = {"/v1/timbres/estado-de-cuenta": "?desde=2026-01-01&hasta=2026-01-31"}

#: Routes whose refusal comes later, by the test of `test_aislamiento.py` that waits for it.
APARTE = {"POST /v1/transferencias-masivas": "test_a_bulk_transfer_refuses_each_foreign_row"}
