"""clientes on a real database with a root and a distributor; puntos and licencias beside it for the renewal's saga.

The events of the saga go from outbox to use case here, each delivered twice; that the bus carries them is the end-to-end
test's business.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Engine, text

from services.clientes.domain import huella_de, vigencia
from services.clientes.repository import Repositorio
from services.clientes.use_cases import (
    confirmaciones,
    cuentas,
    perfiles,
    red,
    renovaciones,
    vida,
)
from services.licencias import use_cases as licencias
from services.licencias.repository import Repositorio as RepositorioLicencias
from services.puntos import use_cases as puntos
from services.puntos.repository import Repositorio as RepositorioPuntos
from shared.contracts import clientes as c
from shared.contracts import eventos as ev
from shared.contracts import licencias as li
from shared.contracts import puntos as pu
from shared.contracts.base import EVENTOS, dump, load
from shared.persistence.uow import UnitOfWork
from tests.unit.clientes.fakes import CredencialesFalsas, UowFalsa

CONTRASENA = "Caballo-Correcto-Bateria-9"
CRED: Any = CredencialesFalsas(UowFalsa())
CUOTA, MKL = Decimal("1500.00"), Decimal("400.00")
HOY = vigencia.dia_en_mexico(datetime.now(UTC))


class Uow(UnitOfWork[Any]):
    """A unit of work whose clock a test moves."""

    adelanto = timedelta(0)

    @property
    def ahora(self) -> datetime:
        return datetime.now(UTC) + self.adelanto


@dataclass
class Mundo:
    """clientes with a root and a distributor, and what the renewal's saga passes through."""

    clientes: Engine
    puntos: Engine | None = None
    licencias: Engine | None = None
    raiz: UUID = field(default_factory=uuid4)
    cm: UUID = field(default_factory=uuid4)
    tokens: dict[UUID, str] = field(default_factory=dict)
    n: int = 0

    def correr(self, caso: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        with Uow(self.clientes, Repositorio) as uow:
            hecho = caso(uow, *args, **kwargs)
            uow.commit()
            return hecho

    def preparar(self) -> None:
        self.raiz = self._fundar(None)
        self.cm = self._fundar(self.raiz)

    def _fundar(self, padre: UUID | None) -> UUID:
        self.n += 1
        perfil = self.correr(
            perfiles.crear_perfil,
            c.CrearPerfil(
                clave=f"p{self.n}", nombre=f"Titular {self.n}", correo=f"titular{self.n}@cm.mx",
                movil=f"+5255900000{self.n:02d}", contrasena=CONTRASENA,
            ),
            CRED,
        )  # fmt: skip
        cuenta: UUID = self.correr(
            cuentas.crear_cuenta_maestra,
            c.CrearCuentaMaestra(
                clave=f"c{self.n}",
                padre_id=padre,
                nombre=f"CM {self.n}",
                titular_perfil_id=perfil.perfil_id,
            ),
        ).cuenta_id
        return cuenta

    def multinivel(self, cuenta: UUID, hasta: date = HOY) -> None:
        self.correr(
            renovaciones.anotar_mkl,
            ev.MklContratada(
                mkl_id=uuid4(), cuenta_id=cuenta, producto="multinivel", inicia_en=HOY, vence_en=hasta
            ),
        )

    def alta(self, padre: UUID | None = None, **datos: Any) -> UUID:
        self.n += 1
        hecho = self.correr(
            red.crear,
            c.CrearDistribuidor(
                **{
                    "clave": "k",
                    "cuenta_id": padre or self.raiz,
                    "nombre": f"Ávila {self.n}",
                    "correo": f"d{self.n}@x.mx",
                    "movil": f"55 1234 {self.n:04d}",
                    "titular": "Eva",
                    **datos,
                }
            ),
        )
        return UUID(str(hecho.cuenta_id))

    def token(self, cuenta: UUID) -> str:
        """A token of its alta, as the mail would bring it: only the hash is stored, so the test puts its own."""
        token = f"token-{uuid4()}"
        with self.clientes.begin() as conexion:
            puestos = conexion.execute(
                text(
                    "UPDATE tokens SET huella = :h WHERE proposito = 'alta_distribuidor' AND sujeto = :s"
                    " AND usado_en IS NULL"
                ),
                {"h": huella_de(token), "s": str(cuenta)},
            )
            assert puestos.rowcount == 1
        return token

    def confirmar(self, cuenta: UUID, **datos: Any) -> c.AltaConfirmada:
        peticion = c.ConfirmarAlta(
            **{"clave": "k", "token": self.token(cuenta), "contrasena": CONTRASENA, **datos}
        )
        hecha: c.AltaConfirmada = self.correr(confirmaciones.confirmar_alta, peticion, CRED)
        return hecha

    def cambiar(
        self, cuenta: UUID, accion: str, padre: UUID | None = None, motivo: str | None = "porque sí"
    ) -> c.Distribuidor:
        hecho: c.Distribuidor = self.correr(
            red.cambiar,
            c.CambiarDistribuidor(
                clave="k",
                cuenta_id=padre or self.raiz,
                distribuidor_id=cuenta,
                accion=accion,
                motivo=motivo,
            ),
        )
        return hecho

    def activa(self, padre: UUID | None = None) -> UUID:
        cuenta = self.alta(padre)
        self.confirmar(cuenta)
        self.cambiar(cuenta, "activacion", padre)
        return cuenta

    def estado(self, cuenta: UUID) -> str:
        return str(self.leer("SELECT estado FROM cuentas_maestras WHERE cuenta_id = :i", i=cuenta)[0][0])

    def leer(self, sql: str, **datos: Any) -> list[Any]:
        with self.clientes.connect() as conexion:
            return list(conexion.execute(text(sql), datos))

    def vigilar(self, ahora: datetime) -> int:
        return int(self.correr(vida.vigilar, ahora))

    # -- the saga

    def en(self, servicio: str, caso: Callable[..., Any], *args: Any) -> Any:
        motor, repositorio = {
            "clientes": (self.clientes, Repositorio),
            "puntos": (self.puntos, RepositorioPuntos),
            "licencias": (self.licencias, RepositorioLicencias),
        }[servicio]
        assert motor is not None
        with Uow(motor, repositorio) as uow:
            hecho = caso(uow, *args)
            uow.commit()
            return hecho

    def en_licencias(self) -> Any:
        assert self.licencias is not None
        return self.licencias.begin()

    def entregar(self, *eventos: str) -> None:
        """Deliver what lies in the outboxes, each event twice, until none is left; only `eventos` if named."""
        while pendientes := [
            x for m in (self.clientes, self.puntos, self.licencias) if m for x in _tomar(m, eventos)
        ]:
            for nombre, carga in pendientes:
                for _ in range(2):
                    for servicio, caso in _ATIENDEN.get(nombre, ()):
                        self.en(servicio, caso, load(EVENTOS[nombre].carga, carga))

    def perder(self, evento: str) -> int:
        """Take these out of the outboxes and deliver them to nobody; how many."""
        return sum(len(_tomar(m, (evento,))) for m in (self.clientes, self.puntos, self.licencias) if m)

    def acreditar(self, cuenta: UUID, cuantos: str) -> None:
        self.en(
            "puntos",
            puntos.acreditar,
            pu.Acreditar(clave="k", cuenta_id=self.raiz, destino_id=cuenta, puntos=Decimal(cuantos)),
        )

    def saldo(self, cuenta: UUID) -> Decimal:
        visto = self.en("puntos", puntos.consultar_saldo, pu.ConsultarSaldo(cuenta_id=cuenta))
        return Decimal(visto.saldo)

    def cotizar(self, cuenta: UUID, paga: UUID | None = None) -> c.CotizacionDeRenovacion:
        hecha: c.CotizacionDeRenovacion = self.correr(
            renovaciones.cotizar, c.CotizarRenovacion(cuenta_id=paga or cuenta, renovada_id=cuenta)
        )
        return hecha

    def renovar(self, cuenta: UUID, paga: UUID | None = None, total: Decimal | None = None) -> c.Renovacion:
        total = self.cotizar(cuenta, paga).total if total is None else total
        hecha: c.Renovacion = self.correr(
            renovaciones.renovar,
            c.RenovarCuenta(clave="k", cuenta_id=paga or cuenta, renovada_id=cuenta, total=total),
        )
        return hecha

    def renovacion(self, cuenta: UUID) -> c.Renovacion:
        pagina = self.correr(renovaciones.listar, c.ListarRenovaciones(cuenta_id=cuenta))
        dump(pagina)
        primera: c.Renovacion = pagina.datos[0]
        return primera

    def contratar(self, cuenta: UUID, producto: str, hasta: date, precio: Decimal = MKL) -> UUID:
        hecho = self.en(
            "licencias",
            licencias.contratar_mkl,
            li.ContratarMkl(
                clave="k", cuenta_id=cuenta, producto=producto, vence_en=hasta, precio_anual=precio
            ),
        )
        return UUID(str(hecho.id))


_ATIENDEN: dict[str, list[tuple[str, Callable[..., Any]]]] = {
    "clientes.cuenta_maestra_creada_v1": [("puntos", puntos.abrir_monedero_de_cuenta)],
    "clientes.cobro_solicitado_v1": [("puntos", puntos.cobrar)],
    "clientes.cobro_devuelto_v1": [("puntos", puntos.devolver)],
    "clientes.cuenta_renovada_v1": [("licencias", licencias.renovar_contratos)],
    "puntos.cobro_resuelto_v1": [("clientes", renovaciones.resolver_renovacion)],
    "licencias.mkl_contratada_v1": [("clientes", renovaciones.anotar_mkl)],
}


def _tomar(engine: Engine, eventos: tuple[str, ...]) -> list[tuple[str, dict[str, Any]]]:
    with engine.begin() as conexion:
        filas = conexion.execute(
            text("DELETE FROM outbox WHERE evento = ANY(:e) RETURNING evento, carga"),
            {"e": list(eventos or _ATIENDEN)},
        )
        return [(f.evento, dict(f.carga)) for f in filas]
