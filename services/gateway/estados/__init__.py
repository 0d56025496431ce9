"""Statements of account: read page by page, written as JSON, CSV or PDF.

`lectura` asks timbrado for the pages, `escritura` writes them as they come, `proceso` has the PDF drawn by
`dibujo` in a process of its own, because a drawing takes seconds of CPU.
"""
