"""The stamping as one writes it with SQLAlchemy's ORM: objects, a session a step, a row lock on the account.

The plain nameko peer's pipeline. It shares with ours what is not in question (validation, credentials, sandbox PAC,
tables), and none of its SQL: what makes ours faster must not make its measure faster too.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Engine, ForeignKey, Identity, MetaData, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from services.timbrado import domain
from services.timbrado.cfdi.certificados import Confianza
from services.timbrado.cfdi.tfd import insertar
from services.timbrado.cfdi.validacion import CfdiValido, Validador
from services.timbrado.credenciales import Credenciales
from services.timbrado.models import Timbrado
from services.timbrado.pac.protocolo import Solicitud, verificar_tfd
from services.timbrado.pac.protocolo import Timbrado as Estampado
from services.timbrado.pac.sandbox import PacSandbox
from services.timbrado.repository import MemoriaPostgres, Repositorio
from shared.config import settings
from shared.contracts.timbrado import ResultadoDeTimbrado, SolicitudDeTimbrado
from shared.errors import DomainError
from shared.messaging.cpu import offload
from shared.persistence.uow import UnitOfWork


class _Base(DeclarativeBase):
    metadata = MetaData()
    type_annotation_map = {int: BigInteger()}  # noqa: RUF012 (SQLAlchemy reads it so)


class Cuenta(_Base):
    """An account of the ledger."""

    __tablename__ = "cuentas"
    id: Mapped[int] = mapped_column(primary_key=True)
    tipo: Mapped[str]
    saldo: Mapped[int]
    retenido: Mapped[int]
    bloqueada: Mapped[bool]
    version: Mapped[int]


class Retencion(_Base):
    """A hold."""

    __tablename__ = "retenciones"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    cuenta_id: Mapped[int] = mapped_column(ForeignKey("cuentas.id"))
    cantidad: Mapped[int]
    cuenta: Mapped[Cuenta] = relationship()


class Movimiento(_Base):
    """A movement."""

    __tablename__ = "movimientos"
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    operacion: Mapped[UUID]
    origen: Mapped[int]
    destino: Mapped[int]
    cantidad: Mapped[int]
    motivo: Mapped[str]
    referencia: Mapped[str]


class PorSellar(_Base):
    """The sealer's queue."""

    __tablename__ = "por_sellar"
    movimiento_id: Mapped[int] = mapped_column(ForeignKey("movimientos.id"), primary_key=True)
    movimiento: Mapped[Movimiento] = relationship()


class TimbradorOrm:
    """`timbrar(solicitud)` and `validar(solicitud)`, one document a call."""

    def __init__(self, engine: Engine) -> None:
        s = settings()
        assert s.cfdi_autoridades_dir is not None
        assert s.pac_sandbox_dir is not None
        Validador.precargar()
        self._engine = engine
        self._validador = Validador(Confianza.de_carpeta(s.cfdi_autoridades_dir))
        self._pac = PacSandbox(s.pac_sandbox_dir, MemoriaPostgres(engine))
        self._credenciales = Credenciales(self._ctis, offload)
        with Session(engine) as session:
            self._consumo = session.scalars(select(Cuenta.id).where(Cuenta.tipo == "consumo")).one()

    def validar(self, s: SolicitudDeTimbrado) -> ResultadoDeTimbrado:
        """The checks alone."""
        try:
            self._revisar(s)
        except DomainError as exc:
            return ResultadoDeTimbrado(error=str(exc.code), detail=exc.detail)
        return ResultadoDeTimbrado()

    def timbrar(self, s: SolicitudDeTimbrado) -> ResultadoDeTimbrado:
        """Validate, hold, stamp, capture."""
        try:
            cti, valido = self._revisar(s)
            return self._timbrar(cti, valido)
        except DomainError as exc:
            return ResultadoDeTimbrado(error=str(exc.code), detail=exc.detail)

    def _ctis(self, ids: object) -> dict[str, domain.CtiGuardada]:
        with UnitOfWork(self._engine, Repositorio) as uow:
            return uow.repo.ctis(ids)  # type: ignore[arg-type]

    def _revisar(self, s: SolicitudDeTimbrado) -> tuple[domain.CtiGuardada, CfdiValido]:
        [cti] = self._credenciales.verificar([(s.cti, s.contrasena)])
        if cti is None:
            raise domain.credenciales_invalidas()
        return cti, self._validador.validar(s.xml.encode(), datetime.now(UTC))

    def _timbrar(self, cti: domain.CtiGuardada, v: CfdiValido) -> ResultadoDeTimbrado:
        id_ = uuid4()
        with Session(self._engine) as session:
            cuenta = session.get_one(Cuenta, cti.libro_id, with_for_update=True)
            if session.scalar(select(Timbrado.id).where(Timbrado.huella == v.huella)) is not None:
                raise domain.pendiente()
            if cuenta.bloqueada or cuenta.version != cti.version or cuenta.saldo - cuenta.retenido < 1:
                raise domain.sin_timbres()
            cuenta.retenido += 1
            session.add(Retencion(id=id_, cuenta=cuenta, cantidad=1))
            session.add(
                Timbrado(
                    id=id_,
                    huella=v.huella,
                    cti=cti.id,
                    cuenta_id=cti.cuenta_id,
                    cliente_id=cti.cliente_id,
                    emisor=v.emisor,
                    receptor=v.receptor,
                    tipo=v.tipo,
                    total=Decimal(v.total),
                    sello=v.sello,
                    no_certificado=v.no_certificado,
                    pac=self._pac.nombre,
                    xml=v.xml,
                    tomado_hasta=datetime.now(UTC) + timedelta(seconds=10),
                )
            )
            session.commit()
        solicitud = Solicitud(v.huella, v.xml, v.sello, v.emisor, v.no_certificado, v.receptor, v.total)
        [respuesta] = self._pac.timbrar([solicitud])
        assert isinstance(respuesta, Estampado)
        uuid = UUID(str(verificar_tfd(solicitud, respuesta.tfd, self._pac.certificado_de).uuid))
        with Session(self._engine) as session:
            retencion = session.get_one(Retencion, id_)
            cuenta = session.get_one(Cuenta, retencion.cuenta_id, with_for_update=True)
            cuenta.saldo -= 1
            cuenta.retenido -= 1
            session.delete(retencion)
            timbrado = session.get_one(Timbrado, id_)
            timbrado.estado, timbrado.uuid, timbrado.tfd = "timbrado", uuid, respuesta.tfd
            timbrado.terminado_en = func.now()
            movimiento = Movimiento(
                operacion=id_, origen=cuenta.id, destino=self._consumo, cantidad=1, motivo="timbrado",
                referencia=str(uuid),
            )  # fmt: skip
            session.add(PorSellar(movimiento=movimiento))
            session.commit()
        return ResultadoDeTimbrado(
            uuid=uuid, idd=str(uuid).upper(), repetido=False, xml=insertar(v.xml, respuesta.tfd).decode()
        )
