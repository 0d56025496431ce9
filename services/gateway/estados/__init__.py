"""Statements of account: read page by page, written as JSON, CSV or PDF.

`lectura` asks timbrado for the pages, `escritura` writes them as they come, `dibujo` draws the PDF in a worker of the
gateway's (`services.gateway.impresion.taller`), because a drawing takes seconds of CPU.
"""
