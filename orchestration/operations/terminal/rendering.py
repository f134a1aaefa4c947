"""What pages at the terminal are made of: Rich's classes where it is installed (the extra `terminal`), plain text otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich import box
    from rich.console import Console, RenderableType
    from rich.padding import Padding
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text
else:
    try:
        from rich import box
        from rich.console import Console, RenderableType
        from rich.padding import Padding
        from rich.panel import Panel
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        from orchestration.operations.terminal.plain import (
            Console,
            Padding,
            Panel,
            RenderableType,
            Table,
            Text,
            box,
        )

__all__ = ["Console", "Padding", "Panel", "RenderableType", "Table", "Text", "box"]
