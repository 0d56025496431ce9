"""Who may do what: sessions from a bearer token or the portal's cookie, accounts and roles.

    @blp.route("/v1/clientes", methods=["POST"])
    @requiere_sesion("operador")
    @blp.arguments(...)

The mark is read before the route runs, so a body is never validated for someone without a session. A route
without any mark is refused at start: `@publica` says that it is meant.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, TypeVar, overload
from uuid import UUID

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from flask import Flask, g, request

from services.gateway import llaves, vigentes
from services.gateway.alcances import SEGUROS, alcance_de, alcance_valido, exigir_alcance
from services.gateway.contexto import Contexto, CuentaPermitida, Perfil, ip
from services.gateway.cuenta_detenida import exigir_estado
from shared.config import settings
from shared.errors import Codigo, DomainError, campo_invalido, no_encontrado

F = TypeVar("F", bound=Callable[..., Any])

COOKIE = "cm_sesion"
COOKIE_CSRF = "cm_csrf"
CABECERA_CSRF = "X-CSRF-Token"
CABECERA_CUENTA = "Cuenta"

#: Each role can do what those below it can.
ROLES = {"lectura": 0, "consulta": 0, "operador": 1, "administrador": 2, "titular": 3}

_MARCA = "_requisito"
PUBLICA, PERFIL, SESION, RAIZ = "publica", "perfil", "sesion", "raiz"
#: Class, role, its own scope, whether for a CM that is not active too.
Requisito = tuple[str, str, str | None, bool]


def publica(view: F) -> F:
    """Anyone may call this route; it checks its own credentials, if any."""
    return _marcar(view, PUBLICA, "consulta")


def requiere_perfil(view: F) -> F:
    """A session is needed, and no account: `contexto.perfil_actual()`."""
    return _marcar(view, PERFIL, "consulta")


@overload
def requiere_sesion(
    rol: str = "consulta", *, alcance: str | None = None, aunque_no_activa: bool = False
) -> Callable[[F], F]: ...
@overload
def requiere_sesion(rol: F) -> F: ...
def requiere_sesion(
    rol: Any = "consulta", *, alcance: str | None = None, aunque_no_activa: bool = False
) -> Any:
    """A session with at least `rol` in the account in use, or an API key with the scope. Parentheses may be left out.

    The scope is that of the route's family (`alcances.py`), unless `alcance` says another. A CM that is not active
    may only read, unless `aunque_no_activa` (`cuenta_detenida.py`).
    """
    if callable(rol):
        return _marcar(rol, SESION, "consulta")
    if rol not in ROLES:
        raise ValueError(f"unknown role {rol!r}")
    return lambda view: _marcar(view, SESION, rol, alcance_valido(alcance), aunque_no_activa)


@overload
def requiere_raiz(rol: str = "consulta") -> Callable[[F], F]: ...
@overload
def requiere_raiz(rol: F) -> F: ...
def requiere_raiz(rol: Any = "consulta") -> Any:
    """As `requiere_sesion`, and the account is the root. No API key will do."""
    if callable(rol):
        return _marcar(rol, RAIZ, "consulta")
    if rol not in ROLES:
        raise ValueError(f"unknown role {rol!r}")
    return lambda view: _marcar(view, RAIZ, rol)


def alcanza(alcance: str) -> bool:
    """Whether whoever asks may also do what this scope lets a key: people may, a key with it."""
    perfil = g.get("perfil")
    return not isinstance(perfil, llaves.Llave) or alcance in perfil.alcances


def exigir_tambien(alcance: str) -> None:
    """For what a route does only if asked to. Raises `no_permitido` for a key without this scope."""
    if not alcanza(alcance):
        exigir_alcance((), alcance)


def vigilar(app: Flask) -> None:
    """Apply the marks before any view runs."""

    @app.before_request
    def _exigir() -> None:
        requisito = requisito_de(app, request.endpoint, request.method)
        if requisito is not None:
            exigir(*requisito)


def requisito_de(app: Flask, endpoint: str | None, metodo: str) -> Requisito | None:
    """The mark of a route's view (class, role, its own scope, whether for a CM that is not active too)."""
    marca: Requisito | None = getattr(vista(app, endpoint, metodo), _MARCA, None)
    return marca


def vista(app: Flask, endpoint: str | None, metodo: str) -> Any:
    """The function that serves a route with a method."""
    view: Any = app.view_functions.get(endpoint or "")
    clase = getattr(view, "view_class", None)
    if clase is not None:
        view = getattr(clase, metodo.lower(), None) or getattr(clase, "get", None)
    return view


def sin_marca(app: Flask) -> list[str]:
    """Routes that forgot to say who may call them."""
    return sorted(
        f"{metodo} {regla.rule}"
        for regla in app.url_map.iter_rules()
        for metodo in (regla.methods or set()) - {"HEAD", "OPTIONS"}
        if requisito_de(app, regla.endpoint, metodo) is None
    )


def exigir(clase: str, rol: str, alcance: str | None = None, aunque_no_activa: bool = False) -> None:
    """Check a mark against the request once.

    Raises `no_autenticado`, `no_permitido`, `no_encontrado`, or `cuenta_bloqueada`.
    """
    if clase == PUBLICA:
        return
    perfil: Perfil | None = g.get("perfil")
    if perfil is None:
        perfil = g.perfil = autenticar()
    if isinstance(perfil, llaves.Llave):
        necesita = alcance_de(request.blueprint, request.method, alcance) if clase == SESION else None
        exigir_alcance(perfil.alcances, necesita)
    if clase == PERFIL:
        return
    contexto: Contexto | None = g.get("contexto")
    if contexto is None:
        contexto = g.contexto = _elegir_cuenta(perfil)
    if clase == RAIZ and not contexto.es_raiz:
        raise DomainError(Codigo.NO_PERMITIDO, "Solo la cuenta raíz puede hacer esto.")
    if ROLES.get(contexto.rol, -1) < ROLES[rol]:
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Su rol en esta cuenta es {contexto.rol}, y se necesita al menos {rol}."
            " Pida al titular o a un administrador que lo cambie.",
        )
    exigir_estado(contexto.estado, request.method, aunque_no_activa)


def autenticar() -> Perfil:
    """The perfil of the request's token, or its API key: the Authorization header wins over the cookie, which needs CSRF."""
    esquema, _, token = request.headers.get("Authorization", "").partition(" ")
    if esquema:
        if esquema.lower() != "bearer" or not token.strip():
            raise _sin_sesion("Use Authorization: Bearer con un token de acceso o una llave de API.")
        if token.strip().startswith(llaves.PREFIJO):
            return llaves.autenticar(token.strip())
        return _vigente(verificar(token.strip()))
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        raise _sin_sesion("Inicie sesión para continuar.")
    perfil = verificar(cookie)
    if request.method not in SEGUROS:
        _exigir_csrf()
    return _vigente(perfil)


def _vigente(perfil: Perfil) -> Perfil:
    """The perfil as it is now; raises `no_autenticado` when its session was closed."""
    hallado = vigentes.al_dia(perfil)
    if hallado is None:
        raise _sin_sesion("Su sesión se cerró. Inicie sesión de nuevo.")
    return hallado


def verificar(token: str) -> Perfil:
    """Signature, expiry and form of an access token."""
    try:
        claims = jwt.decode(
            token, _llave_publica(), algorithms=["EdDSA"], options={"require": ["exp", "sub", "sid"]}
        )
        return Perfil(
            perfil_id=UUID(claims["sub"]),
            sesion_id=UUID(claims["sid"]),
            nombre=str(claims.get("nombre", "")),
            cuentas=tuple(
                CuentaPermitida(
                    UUID(c["id"]), str(c["rol"]), bool(c.get("raiz", False)), str(c.get("estado", "activo"))
                )
                for c in claims.get("cuentas", [])
            ),
            nics=tuple(int(n) for n in claims.get("nics", [])),
            segundo_factor="sf" in claims,
            segundo_factor_en=int(claims.get("sf", 0)),
        )
    except jwt.ExpiredSignatureError as exc:
        raise _sin_sesion("Su sesión venció. Renuévela o inicie sesión de nuevo.") from exc
    except (jwt.InvalidTokenError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _sin_sesion("El token de acceso no es válido. Inicie sesión de nuevo.") from exc


def dispositivo(token: str) -> str | None:
    """The id in a known device's token, which is no access token: it has no `sid`. None for any other text."""
    try:
        claims = jwt.decode(
            token, _llave_publica(), algorithms=["EdDSA"], options={"require": ["exp", "sub"]}
        )
    except jwt.InvalidTokenError:
        return None
    hallado = claims.get("dis")
    return hallado if isinstance(hallado, str) else None


def _elegir_cuenta(perfil: Perfil) -> Contexto:
    nombrada = request.headers.get(CABECERA_CUENTA)
    if nombrada is not None:
        elegidas = [c for c in perfil.cuentas if str(c.cuenta_id) == nombrada.strip().lower()]
        if not elegidas:
            raise no_encontrado("esa cuenta entre las suyas")
    elif len(perfil.cuentas) > 1:
        raise campo_invalido(
            CABECERA_CUENTA,
            "Usted administra varias cuentas: indique cuál en la cabecera Cuenta (su identificador viene en"
            " GET /v1/perfiles/yo).",
        )
    else:
        elegidas = list(perfil.cuentas)
    if not elegidas:
        raise DomainError(Codigo.NO_PERMITIDO, "Su perfil no administra ninguna Cuenta Maestra.")
    c = elegidas[0]
    return Contexto(
        perfil.perfil_id, perfil.sesion_id, perfil.nombre, c.cuenta_id, c.rol, c.es_raiz, ip(), c.estado
    )


def _exigir_csrf() -> None:
    cookie, cabecera = request.cookies.get(COOKIE_CSRF, ""), request.headers.get(CABECERA_CSRF, "")
    if not cookie or not hmac.compare_digest(cookie.encode(), cabecera.encode()):
        raise DomainError(
            Codigo.NO_PERMITIDO,
            f"Falta la cabecera {CABECERA_CSRF} o no coincide con su sesión."
            " Recargue la página e intente de nuevo.",
        )


def _sin_sesion(detalle: str) -> DomainError:
    return DomainError(Codigo.NO_AUTENTICADO, detalle)


@lru_cache(maxsize=1)
def _llave_publica() -> Ed25519PublicKey:
    ruta = settings().token_public_key_file
    if ruta is None:
        raise RuntimeError("TOKEN_PUBLIC_KEY_FILE is not set")
    llave = load_pem_public_key(ruta.read_bytes())
    if not isinstance(llave, Ed25519PublicKey):
        raise RuntimeError(f"{ruta} is not an Ed25519 public key")
    return llave


def _marcar(view: F, clase: str, rol: str, alcance: str | None = None, aunque_no_activa: bool = False) -> F:
    @wraps(view)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        exigir(clase, rol, alcance, aunque_no_activa)
        return view(*args, **kwargs)

    setattr(wrapper, _MARCA, (clase, rol, alcance, aunque_no_activa))
    doc: dict[str, Any] = {**getattr(view, "_apidoc", {})}
    seguridad: list[dict[str, list[str]]] = [] if clase == PUBLICA else [{"bearer": []}, {"sesion": []}]
    doc["manual_doc"] = {"security": seguridad, **doc.get("manual_doc", {})}
    if clase in {SESION, RAIZ}:
        doc["manual_doc"].setdefault("x-rol", rol)
        if aunque_no_activa:
            # Turned into the list of states by `openapi.py`, which knows the method.
            doc["manual_doc"].setdefault("x-estados", True)
        if alcance is not None:
            doc["manual_doc"].setdefault("x-alcance", alcance)
    if clase == RAIZ:
        doc["manual_doc"].setdefault("x-raiz", True)
    wrapper._apidoc = doc  # type: ignore[attr-defined]
    return wrapper  # type: ignore[return-value]
