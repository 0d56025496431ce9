"""SQL of failed sign-ins: buckets that are taken from and given back to, and places where a perfil is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from services.clientes.domain import CONOCIDOS_MAXIMO, VIDA_CONOCIDO, Cubo
from services.clientes.repository.base import Base

# One statement, in order of key: two tries with the same buckets take them one after the other, never crosswise.
# A bucket that is full takes nothing and is not returned.
_CONTAR = text(
    "INSERT INTO intentos AS i (clave, libre_en, paso, rafaga)"
    " SELECT clave, :ahora + paso, paso, rafaga FROM unnest(CAST(:claves AS bytea[]), CAST(:pasos AS interval[]),"
    "  CAST(:rafagas AS integer[])) AS c (clave, paso, rafaga) ORDER BY clave"
    " ON CONFLICT (clave) DO UPDATE SET libre_en = greatest(i.libre_en, :ahora) + excluded.paso,"
    "  paso = excluded.paso, rafaga = excluded.rafaga"
    " WHERE i.libre_en <= :ahora + excluded.paso * (excluded.rafaga - 1)"
    " RETURNING i.clave"
)
_LLENOS = text("SELECT clave, libre_en FROM intentos WHERE clave = ANY(CAST(:claves AS bytea[]))")
_DEVOLVER = text(
    "UPDATE intentos SET libre_en = libre_en - paso WHERE clave IN"
    " (SELECT clave FROM intentos WHERE clave = ANY(CAST(:claves AS bytea[])) ORDER BY clave FOR UPDATE)"
)
_CONOCIDO = text(
    "SELECT EXISTS (SELECT FROM conocidos WHERE perfil_id = :perfil_id AND huella = :huella AND visto_en > :desde)"
)
_CONOCER = text(
    "INSERT INTO conocidos (perfil_id, huella, visto_en) VALUES (:perfil_id, :huella, :ahora)"
    " ON CONFLICT (perfil_id, huella) DO UPDATE SET visto_en = excluded.visto_en"
)
_SOBRAN = text(
    "DELETE FROM conocidos WHERE perfil_id = :perfil_id AND huella IN (SELECT huella FROM conocidos"
    " WHERE perfil_id = :perfil_id ORDER BY visto_en DESC, huella OFFSET :maximo)"
)
_PURGAR_INTENTOS = text(
    "DELETE FROM intentos WHERE clave IN (SELECT clave FROM intentos WHERE libre_en < :en ORDER BY libre_en"
    " LIMIT :limite FOR UPDATE SKIP LOCKED)"
)
_PURGAR_CONOCIDOS = text(
    "DELETE FROM conocidos WHERE (perfil_id, huella) IN (SELECT perfil_id, huella FROM conocidos"
    " WHERE visto_en < :desde ORDER BY visto_en LIMIT :limite FOR UPDATE SKIP LOCKED)"
)


class Limites(Base):
    """What one try counts against is one row each; a try that is refused leaves none behind."""

    def contar_intento(self, cubos: Sequence[Cubo], ahora: datetime) -> timedelta | None:
        """Take one from every bucket; the wait when one is full, and then the caller rolls back."""
        claves = [c.clave for c in cubos]
        tomadas = self.session.execute(
            _CONTAR,
            {
                "claves": claves,
                "pasos": [c.paso for c in cubos],
                "rafagas": [c.rafaga for c in cubos],
                "ahora": ahora,
            },
        ).all()
        if len(tomadas) == len(cubos):
            return None
        faltan = set(claves) - {bytes(f.clave) for f in tomadas}
        libres = {bytes(f.clave): f.libre_en for f in self.session.execute(_LLENOS, {"claves": list(faltan)})}
        return max(
            (c.espera(libres[c.clave], ahora) for c in cubos if c.clave in libres),
            default=timedelta(seconds=1),
        )

    def devolver_intento(self, claves: Sequence[bytes]) -> None:
        """The try was right: it counts against nobody."""
        self.session.execute(_DEVOLVER, {"claves": list(claves)})

    def es_conocido(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> bool:
        """Whether a perfil has signed in from there lately."""
        return bool(
            self.session.scalar(
                _CONOCIDO, {"perfil_id": perfil_id, "huella": huella, "desde": ahora - VIDA_CONOCIDO}
            )
        )

    def conocer(self, perfil_id: UUID, huella: bytes, ahora: datetime) -> None:
        """A perfil signed in from there; of too many places the oldest are forgotten."""
        self.session.execute(_CONOCER, {"perfil_id": perfil_id, "huella": huella, "ahora": ahora})
        self.session.execute(_SOBRAN, {"perfil_id": perfil_id, "maximo": CONOCIDOS_MAXIMO})

    def purgar_intentos(self, en: datetime, limite: int) -> int:
        """Delete at most `limite` buckets that are empty and places long not seen. Answers how many."""
        intentos = self.session.execute(_PURGAR_INTENTOS, {"en": en, "limite": limite})
        conocidos = self.session.execute(_PURGAR_CONOCIDOS, {"desde": en - VIDA_CONOCIDO, "limite": limite})
        return max(intentos.rowcount, conocidos.rowcount)  # type: ignore[attr-defined,no-any-return]
