"""A repository in memory and a unit of work whose time stands still, for the rules alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.clientes.domain import (
    Administra,
    ClienteGuardado,
    CorreoEscrito,
    Cubo,
    CuentaGuardada,
    PerfilGuardado,
    Renovacion,
    Rol,
    SegundoFactorGuardado,
)

AHORA = datetime(2026, 2, 27, 12, tzinfo=UTC)


class RepositorioFalso:
    """The same methods as `Repositorio`, over dicts."""

    def __init__(self) -> None:
        self.perfiles: dict[UUID, PerfilGuardado] = {}
        self.cuentas: dict[UUID, CuentaGuardada] = {}
        self.cambios: list[Any] = []
        self.usuarios: dict[tuple[UUID, UUID], Rol] = {}
        self.clientes: dict[int, ClienteGuardado] = {}
        self.sesiones: dict[UUID, dict[str, Any]] = {}
        self.renovaciones: dict[bytes, dict[str, Any]] = {}
        self.anteriores: dict[bytes, bytes | None] = {}
        self.intentos: list[bytes] = []
        self.conocidos: set[tuple[UUID, bytes]] = set()
        self.factores: dict[UUID, SegundoFactorGuardado] = {}
        self.correos: list[CorreoEscrito] = []

    def agregar_perfil(self, perfil: PerfilGuardado) -> bool:
        if any(p.correo == perfil.correo or p.movil == perfil.movil for p in self.perfiles.values()):
            return False
        self.perfiles[perfil.perfil_id] = perfil
        return True

    def perfil(self, perfil_id: UUID, *, bloquear: bool = False) -> PerfilGuardado | None:
        return self.perfiles.get(perfil_id)

    def perfil_por_usuario(self, usuario: str) -> PerfilGuardado | None:
        return next((p for p in self.perfiles.values() if usuario in {p.correo, p.movil}), None)

    def perfil_por_correo_y_movil(self, correo: str, movil: str) -> PerfilGuardado | None:
        return next((p for p in self.perfiles.values() if (p.correo, p.movil) == (correo, movil)), None)

    def correo_pendiente(self, perfil_id: UUID, ahora: datetime) -> str | None:
        return None

    def segundo_factor(self, perfil_id: UUID, *, bloquear: bool = False) -> SegundoFactorGuardado | None:
        return self.factores.get(perfil_id)

    def contar_fallos(self, perfil_id: UUID, fallos: int, bloqueado_hasta: datetime | None) -> None:
        factor = self.factores[perfil_id]
        self.factores[perfil_id] = replace(factor, fallos=fallos, bloqueado_hasta=bloqueado_hasta)

    def aceptar_paso(self, perfil_id: UUID, paso: int, ahora: datetime) -> None:
        factor = self.factores[perfil_id]
        self.factores[perfil_id] = replace(
            factor,
            ultimo_paso=max(factor.ultimo_paso, paso),
            fallos=0,
            bloqueado_hasta=None,
            confirmado_en=factor.confirmado_en or ahora,
        )

    def usar_codigo(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> bool:
        return False

    def marcar_segundo_factor(self, sesion_id: UUID, en: datetime) -> None:
        self.sesiones[sesion_id]["segundo_factor_en"] = en

    def segundo_factor_de_sesion(self, sesion_id: UUID) -> tuple[bool, datetime | None]:
        sesion = self.sesiones[sesion_id]
        return sesion["perfil_id"] in self.factores, sesion.get("segundo_factor_en")

    def agregar_correo(self, correo: CorreoEscrito) -> None:
        self.correos.append(correo)

    def administra(self, perfil_id: UUID) -> list[Administra]:
        return [
            Administra(cuenta_id=c.cuenta_id, nombre=c.nombre, rol=rol, estado=c.estado, es_raiz=c.es_raiz)
            for (cuenta_id, p), rol in self.usuarios.items()
            if p == perfil_id and (c := self.cuentas[cuenta_id])
        ]

    def administra_alguna(self, perfil_id: UUID) -> bool:
        return bool(self.administra(perfil_id))

    def nics_de_perfil(self, perfil_id: UUID, *, en: UUID | None = None) -> list[int]:
        return [
            c.nic
            for c in self.clientes.values()
            if c.perfil_principal_id == perfil_id and en in (None, c.cuenta_id)
        ]

    def agregar_sesion(self, *, sesion_id: UUID, **datos: Any) -> None:
        self.sesiones[sesion_id] = {**datos, "revocada_en": None}

    def agregar_renovacion(
        self, *, huella: bytes, sesion_id: UUID, vence_en: datetime, anterior: bytes | None = None
    ) -> None:
        self.renovaciones[huella] = {"sesion_id": sesion_id, "vence_en": vence_en, "usada_en": None}
        self.anteriores[huella] = anterior

    def tomar_renovacion(self, huella: bytes) -> Renovacion | None:
        r = self.renovaciones.get(huella)
        if r is None:
            return None
        s = self.sesiones[r["sesion_id"]]
        return Renovacion(
            huella=huella,
            perfil_id=s["perfil_id"],
            sesion_vence_en=s["vence_en"],
            revocada_en=s["revocada_en"],
            sucesoras=len(hijas := self._hijas(huella)),
            sucesora_usada=any(self.renovaciones[x]["usada_en"] for x in hijas),
            hermana_usada=(madre := self.anteriores[huella]) is not None
            and any(self.renovaciones[x]["usada_en"] for x in self._hijas(madre) if x != huella),
            **r,
        )

    def _hijas(self, huella: bytes) -> list[bytes]:
        return [x for x, anterior in self.anteriores.items() if anterior == huella]

    def usar_renovacion(self, huella: bytes, en: datetime) -> None:
        self.renovaciones[huella]["usada_en"] = self.renovaciones[huella]["usada_en"] or en

    def anotar_uso_de_sesion(self, sesion_id: UUID, en: datetime, ip: str) -> None:
        self.sesiones[sesion_id].update(usada_en=en, usada_ip=ip)

    def revocar_sesion(self, sesion_id: UUID, en: datetime, *, perfil_id: UUID) -> bool:
        antes, self.sesiones[sesion_id]["revocada_en"] = self.sesiones[sesion_id]["revocada_en"], en
        return antes is None

    def contar_intento(self, cubos: Sequence[Cubo], ahora: datetime) -> timedelta | None:
        self.intentos += [x.clave for x in cubos]
        return None

    def devolver_intento(self, claves: Sequence[bytes]) -> None:
        for clave in claves:
            self.intentos.remove(clave)

    def es_conocido(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> bool:
        return (perfil_id, huella) in self.conocidos

    def conocer(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> None:
        self.conocidos.add((perfil_id, huella))

    def agregar_cuenta(self, cuenta: CuentaGuardada) -> bool:
        if cuenta.es_raiz and any(c.es_raiz for c in self.cuentas.values()):
            return False
        self.cuentas[cuenta.cuenta_id] = cuenta
        return True

    def cuenta(self, cuenta_id: UUID) -> CuentaGuardada | None:
        return self.cuentas.get(cuenta_id)

    def cuenta_para_hijas(self, cuenta_id: UUID) -> CuentaGuardada | None:
        return self.cuentas.get(cuenta_id)

    def anotar_cambio(self, cambio: Any) -> None:
        self.cambios.append(cambio)

    def agregar_usuario(self, *, cuenta_id: UUID, perfil_id: UUID, rol: Rol, creado_en: datetime) -> None:
        self.usuarios[cuenta_id, perfil_id] = rol

    def es_usuario(self, cuenta_id: UUID, perfil_id: UUID) -> bool:
        return (cuenta_id, perfil_id) in self.usuarios

    def nuevo_nic(self) -> int:
        return 1001 + len(self.clientes)

    def agregar_cliente(self, cliente: ClienteGuardado) -> None:
        self.clientes[cliente.nic] = cliente

    def cliente(self, cuenta_id: UUID, nic: int, *, bloquear: bool = False) -> ClienteGuardado | None:
        c = self.clientes.get(nic)
        return c if c is not None and c.cuenta_id == cuenta_id else None

    def cambiar_cliente(self, cliente_id: UUID, cambios: Mapping[str, Any]) -> ClienteGuardado:
        c = next(c for c in self.clientes.values() if c.cliente_id == cliente_id)
        self.clientes[c.nic] = replace(c, **cambios, version=c.version + 1)
        return self.clientes[c.nic]

    def nics_con_rfc(self, cuenta_id: UUID, rfc: str, *, salvo: UUID) -> list[int]:
        return [
            c.nic
            for c in self.clientes.values()
            if (c.cuenta_id, c.rfc) == (cuenta_id, rfc) and c.cliente_id != salvo
        ][:3]

    def listar_clientes(
        self, cuenta_id: UUID, *, q: str | None, antes_de: int | None, limite: int
    ) -> list[ClienteGuardado]:
        filas = [c for c in self.clientes.values() if c.cuenta_id == cuenta_id]
        return sorted((c for c in filas if antes_de is None or c.nic < antes_de), key=lambda c: -c.nic)[
            :limite
        ]


class UowFalsa:
    """What a use case sees of a unit of work."""

    def __init__(self) -> None:
        self.repo = RepositorioFalso()
        self.ahora = AHORA
        self.publicados: list[tuple[str, Any]] = []
        self.confirmaciones = 0
        self.asientos: list[tuple[str, dict[str, Any]]] = []

    def publish(self, evento: Any, carga: Any) -> UUID:
        self.publicados.append((evento.nombre, carga))
        return uuid4()

    def auditar(self, **_: Any) -> None:
        pass

    def asentar(self, accion: str, **dicho: Any) -> None:
        self.asientos.append((accion, dicho))

    def commit(self) -> None:
        self.confirmaciones += 1


class CredencialesFalsas:
    """Hashes that can be read, tokens that are their claims."""

    def __init__(self, uow: UowFalsa) -> None:
        self.uow = uow
        self.verificadas: list[tuple[str | None, int]] = []
        self.firmado: dict[str, Any] = {}
        self.firmados: dict[str, dict[str, Any]] = {}

    def resumir(self, contrasena: str) -> str:
        return f"$argon2id${contrasena}"

    def coincide(self, hash_contrasena: str | None, contrasena: str) -> bool:
        self.verificadas.append((hash_contrasena, self.uow.confirmaciones))
        return hash_contrasena == f"$argon2id${contrasena}"

    def firmar(self, datos: Mapping[str, Any]) -> str:
        self.firmado = dict(datos)
        self.firmados[f"firmado {len(self.firmados)}"] = dict(datos)
        return f"firmado {len(self.firmados) - 1}"

    def leer(self, token: str) -> Mapping[str, Any] | None:
        return self.firmados.get(token)
