"""The stamping routes in the OpenAPI document, by hand: they stand before the framework (`timbrado.py`, `documentos.py`)."""

from __future__ import annotations

from typing import Any

from services.gateway.openapi_timbrado_esquemas import ESQUEMAS

__all__ = ["ESQUEMAS", "RUTAS"]

_ERROR = {"$ref": "#/components/responses/DEFAULT_ERROR"}
_CTI: list[dict[str, list[str]]] = [{"cti": []}]
_UUID = {"type": "string", "format": "uuid"}
_TEXTO = {"type": "string"}
_XML = {"application/xml": {"schema": {"type": "string", "description": "El comprobante con su timbre."}}}
_PDF = {
    "application/pdf": {
        "schema": {"type": "string", "contentMediaType": "application/pdf"},
    }
}

_BASICA = (
    "Autentique con HTTP Basic: el id de la CTI y su contraseña, o una de sus llaves de acceso en lugar de la"
    " contraseña."
)

_TIMBRAR = f"""\
Gasta un timbre y devuelve el comprobante con su `TimbreFiscalDigital`. {_BASICA}

```
curl -u CTI0001001:contraseña -H 'Content-Type: application/xml' -H 'Accept: application/xml' \\
     -H 'X-Idd: pedido-15' --data-binary @factura.xml https://…/v1/timbrado
```

- El mismo CFDI (misma cadena original) se timbra una vez: al repetirlo recibe el mismo timbre, con
  `repetido: true` y sin costo, aunque llegue por otra ruta o por otra CTI.
- `idd` es la clave del documento en su sistema; con otro contenido responde 409 `clave_reutilizada`.
- **503 `pendiente`**: el PAC aún no confirma. Envíe otra vez el mismo CFDI tras `Retry-After`; no se cobra dos veces.
- **422 `cfdi_invalido`**: `codigo_sat`, `nodo` y `detail` dicen qué corregir. **422 `pac_rechazo`**: lo rechazó el
  PAC. No se gastó nada.
- **402 `saldo_insuficiente`** sin timbres; **403 `cuenta_bloqueada`** o `no_permitido` (RFC o dirección fuera de los
  límites de la CTI, o aplicación no registrada en una ilimitada); **429** por encima de sus timbrados por minuto.
"""

_X_APLICACION = """\
Solo con una CTI ilimitada: la prueba de una aplicación registrada, `cm1:<id>:<versión>:<tiempo>:<firma>`.

`id` es el UUID con que se registró; `versión`, la suya (uno a cuatro números con puntos; en Windows, 10 o mayor);
`tiempo`, segundos de época Unix, a lo más a cinco minutos de los nuestros; `firma`, en base64url sin relleno, la
Ed25519 del texto UTF-8 de seis líneas unidas por un salto de línea (sin uno final):

```
cuenta-maestra/aplicacion/v1
<id de la CTI>
<SHA-256 del XML enviado, hexadecimal en minúsculas>
<tiempo>
<id>
<versión>
```
"""

_CANCELAR = f"""\
Pide al SAT, a través del PAC que lo timbró, la cancelación de un comprobante que esta CTI timbró. No cuesta timbres.
{_BASICA}

```
curl -u CTI0001001:contraseña -H 'Content-Type: application/json' https://…/v1/timbrado/<uuid>/cancelacion \\
     -d "{{\\"motivo\\": \\"02\\", \\"certificado\\": \\"$(base64 -w0 csd.cer)\\",
          \\"llave\\": \\"$(base64 -w0 csd.key)\\", \\"contrasena_llave\\": \\"…\\"}}"
```

- La llave se usa en memoria para firmar esta solicitud y no se guarda. Si prefiere no enviarla, firme usted la
  `Cancelacion` del SAT (de retenciones, la de su espacio de nombres) y envíela en `solicitud`.
- **200**: cancelado, con `acuse`. **202**: en camino; `en_proceso` espera la aceptación del receptor (tres días
  hábiles), `solicitada` que el PAC confirme. Consulte `/estado`; nosotros seguimos preguntando.
- **422 `pac_rechazo`**: el SAT no la aceptó; `codigo_sat` y `detail` dicen por qué. Puede pedirla de nuevo.
- **409 `conflicto`**: ya se pidió con otro motivo.
- Repetir la misma petición es inofensivo: responde en qué va la primera. `Idempotency-Key` es opcional.
"""


def _ref(nombre: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{nombre}"}}}


def _problema(descripcion: str) -> dict[str, Any]:
    esquema = {"$ref": "#/components/schemas/ErrorDeTimbrado"}
    return {"description": descripcion, "content": {"application/problem+json": {"schema": esquema}}}


_NO_AUTORIZADO = _problema("Credenciales de CTI ausentes o incorrectas.")
_NO_EXISTE = _problema("Esta CTI no timbró ese comprobante.")


def _operacion(
    resumen: str,
    descripcion: str,
    salida: dict[str, Any],
    entrada: dict[str, Any] | None = None,
    parametros: tuple[dict[str, Any], ...] = (),
    **respuestas: dict[str, Any],
) -> dict[str, Any]:
    """`respuestas` beside 200, named `r404` and so on."""
    operacion: dict[str, Any] = {
        "tags": ["timbrado"],
        "summary": resumen,
        "description": descripcion,
        "security": _CTI,
        "responses": {
            "200": {"description": "OK", "content": salida},
            "401": _NO_AUTORIZADO,
            **{nombre.removeprefix("r"): r for nombre, r in respuestas.items()},
            "default": _ERROR,
        },
    }
    if entrada is not None:
        operacion["requestBody"] = {"required": True, "content": entrada}
    if parametros:
        operacion["parameters"] = list(parametros)
    return operacion


def _induxsoft(resumen: str, entrada: str) -> dict[str, Any]:
    """The dialect's credentials are in its body."""
    return {
        "tags": ["dialectos"],
        "summary": resumen,
        "security": [],
        "requestBody": {"required": True, "content": _ref(entrada)},
        "responses": {"200": {"description": "OK", "content": _ref("InduxsoftSalida")}, "default": _ERROR},
    }


_ENTRADA = {
    "application/xml": {"schema": {"type": "string", "description": "El comprobante tal cual, en UTF-8."}},
    **_ref("TimbradoEntrada"),
}
_INVALIDO = _problema("El comprobante no cumple una regla del SAT: `codigo_sat`, `nodo` y qué hacer.")


def _cabecera(nombre: str, descripcion: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": nombre,
        "required": False,
        "schema": {"type": "string"},
        "description": descripcion,
    }


def _en_ruta(nombre: str, descripcion: str) -> dict[str, Any]:
    return {
        "in": "path",
        "name": nombre,
        "required": True,
        "schema": _TEXTO if nombre == "uuid_o_idd" else _UUID,
        "description": descripcion,
    }


_IDD = _cabecera("X-Idd", "El `idd` cuando el cuerpo es XML: de 1 a 100 caracteres.")
_APLICACION = _cabecera("X-Aplicacion", _X_APLICACION)
_FOLIO = _en_ruta("uuid", "Folio fiscal de un comprobante que timbró esta CTI.")

RUTAS: dict[str, Any] = {
    "/v1/timbrado": {
        "post": _operacion(
            "Timbra un CFDI o un comprobante de retenciones.",
            _TIMBRAR,
            {**_ref("ComprobanteTimbrado"), **_XML},
            _ENTRADA,
            (_IDD, _APLICACION),
            r402=_problema("La CTI no tiene timbres, o su contrato no está vigente."),
            r403=_problema("CTI bloqueada, o el uso no está permitido por sus límites."),
            r409=_problema("El `idd` ya se usó con otro comprobante."),
            r422=_INVALIDO,
            r503=_problema("Pendiente o no disponible: repita el mismo CFDI tras `Retry-After`."),
        )
    },
    "/v1/timbrado/validaciones": {
        "post": _operacion(
            "Valida un comprobante sin timbrarlo ni cobrarlo.",
            f"Las mismas revisiones que al timbrar, con el mismo código. {_BASICA}\n\n"
            "```\ncurl -u CTI0001001:contraseña -H 'Content-Type: application/xml' --data-binary @factura.xml "
            "https://…/v1/timbrado/validaciones\n```\n",
            _ref("ValidacionDeCfdi"),
            _ENTRADA,
            (_IDD, _APLICACION),
            r403=_problema("El uso no está permitido por los límites de la CTI."),
            r422=_INVALIDO,
        )
    },
    "/v1/timbrado/{uuid_o_idd}": {
        "get": _operacion(
            "Descarga un comprobante ya timbrado: JSON, XML o PDF.",
            "El XML con `Accept: application/xml`; su representación impresa con `Accept: application/pdf` (tarda unos "
            f"segundos; 503 si no se pudo a tiempo). No cuesta. {_BASICA}\n\n"
            "```\ncurl -u CTI0001001:contraseña -H 'Accept: application/pdf' -o factura.pdf "
            "https://…/v1/timbrado/<uuid>\n```\n",
            {**_ref("ComprobanteTimbrado"), **_XML, **_PDF},
            None,
            (_en_ruta("uuid_o_idd", "Su UUID, o el `idd` con que se timbró."),),
            r404=_NO_EXISTE,
            r503=_problema("El timbrado sigue pendiente, o la representación no se pudo generar a tiempo."),
        )
    },
    "/v1/timbrado/{uuid}/estado": {
        "get": _operacion(
            "Lo que el SAT dice de un comprobante.",
            f"Pregunta en el momento, a través del PAC que lo timbró. {_BASICA}",
            _ref("EstadoDeTimbrado"),
            None,
            (_FOLIO,),
            r404=_NO_EXISTE,
            r503=_problema("El SAT o el PAC no respondió a tiempo."),
        )
    },
    "/v1/timbrado/{uuid}/acuse": {
        "get": _operacion(
            "El acuse de cancelación del SAT.",
            _BASICA,
            {
                "application/xml": {
                    "schema": {"type": "string", "description": "El acuse, firmado por el SAT."}
                }
            },
            None,
            (_FOLIO,),
            r404=_problema("No hay tal comprobante, o no tiene acuse."),
        )
    },
    "/v1/timbrado/{uuid}/cancelacion": {
        "post": _operacion(
            "Cancela un comprobante.",
            _CANCELAR,
            _ref("CancelacionDeTimbrado"),
            _ref("CancelacionDeTimbradoEntrada"),
            (_FOLIO, _cabecera("Idempotency-Key", "Opcional: el propio comprobante es su clave.")),
            r202={"description": "En camino.", "content": _ref("CancelacionDeTimbrado")},
            r403=_problema("CTI bloqueada, o el uso no está permitido por sus límites."),
            r404=_NO_EXISTE,
            r409=_problema("Ya se pidió con otro motivo, o la `Idempotency-Key` se usó con otros datos."),
            r422=_problema("Datos no válidos (`errores` por campo), o el SAT la rechazó (`pac_rechazo`)."),
        )
    },
    "/comprobantes/timbrar/": {
        "post": _induxsoft("Timbra con el protocolo de Induxsoft; responde siempre 200.", "InduxsoftEntrada")
    },
    "/comprobantes/descargar/": {
        "post": _induxsoft(
            "Descarga con el protocolo de Induxsoft; responde siempre 200.", "InduxsoftConsulta"
        )
    },
}
