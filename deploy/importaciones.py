"""The import rules of `docs/architecture.md` as a contract for import-linter.

import-linter's own contracts can forbid what one names; ours says what a kind of module may import, and
forbids everything else. Only the direct imports of a module count: what it reaches through `shared.contracts`
is that package's business.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output


class SoloPuede(Contract):
    """Modules matching `modulos` import the standard library and `puede`, and nothing else.

    In patterns `*` is one part of a name, `**` any number of them; a pattern covers what lies beneath it.
    `{propio}` is the service of the importing module, such as `services.timbrado`.
    """

    modulos = fields.ListField(subfield=fields.StringField())
    salvo = fields.ListField(subfield=fields.StringField(), required=False, default=[])
    puede = fields.ListField(subfield=fields.StringField(), required=False, default=["**"])
    nunca = fields.ListField(subfield=fields.StringField(), required=False, default=[])

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        """Return every direct import that the contract does not allow."""
        malas = []
        sujetos = _patron(self.modulos, "")  # type: ignore[arg-type]
        salvo = _patron(self.salvo, "")  # type: ignore[arg-type]
        for modulo in sorted(graph.modules):
            if not sujetos.fullmatch(modulo) or salvo.fullmatch(modulo):
                continue
            propio = ".".join(modulo.split(".")[:2])
            puede = _patron(self.puede, propio)  # type: ignore[arg-type]
            nunca = _patron(self.nunca, propio)  # type: ignore[arg-type]
            for otro in sorted(graph.find_modules_directly_imported_by(modulo)):
                if otro.split(".")[0] in sys.stdlib_module_names:
                    continue
                if not puede.fullmatch(otro) or nunca.fullmatch(otro):
                    detalles = graph.get_import_details(importer=modulo, imported=otro)
                    malas.append((modulo, otro, detalles[0]["line_number"] if detalles else "?"))
        return ContractCheck(kept=not malas, metadata={"malas": malas})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print one line per forbidden import."""
        malas: list[tuple[str, str, Any]] = check.metadata["malas"]
        for modulo, otro, linea in malas:
            output.print_error(f"- {modulo} may not import {otro} (l.{linea})")
        output.new_line()


def _patron(patrones: list[str], propio: str) -> re.Pattern[str]:
    """Compile the patterns to one expression, where none matches nothing."""
    partes = []
    for patron in patrones:
        literal = re.escape(patron.replace("{propio}", propio))
        partes.append(literal.replace(r"\*\*", r".+").replace(r"\*", r"[^.]+") + r"(?:\..+)?")
    return re.compile("|".join(partes) or r"(?!)")
