"""The style sheet inside a picture: light by default, dark where the reader's system is dark.

Plain rules, without custom properties: renderers outside browsers do not know those.
"""

from __future__ import annotations

from functools import cache

from orchestration.drawing.style import DARK, LIGHT, Theme

_SANS = (
    "ui-sans-serif,system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,'DejaVu Sans',sans-serif"
)
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_SHAPES = f"""
.saga-drawing text{{font:11px {_SANS}}}
.saga-drawing .name{{font:600 12.5px {_MONO}}}
.saga-drawing .pivot{{font-weight:700;letter-spacing:1px}}
.saga-drawing .milestone,.saga-drawing .branch{{font-weight:600}}
.saga-drawing .heading{{font-size:12px;font-weight:600}}
.saga-drawing .flow{{fill:none;stroke-width:1.6}}
.saga-drawing .back{{fill:none;stroke-width:1.4;stroke-dasharray:4 3}}
.saga-drawing .rule{{fill:none;stroke-width:1.2;stroke-dasharray:7 5}}
.saga-drawing .frame{{fill:none;stroke-width:1.2;stroke-dasharray:3 4}}
.saga-drawing .box rect,.saga-drawing .diamond{{stroke-width:1.3}}
.saga-drawing .box.undo rect{{stroke-dasharray:5 3}}
.saga-drawing .box.reason rect{{stroke-dasharray:2 3}}
.saga-drawing .is-pivot rect{{stroke-width:2.6}}
"""


@cache
def style_sheet() -> str:
    """All rules of a picture, safe inside a `style` element."""
    return f"{_SHAPES}{_rules(LIGHT)}@media (prefers-color-scheme:dark){{\n{_rules(DARK)}}}\n"


def _rules(theme: Theme) -> str:
    plain = theme.boxes[""]
    rules = [
        f".paper{{fill:{theme.paper}}}",
        f"text{{fill:{theme.quiet}}}",
        f".flow{{stroke:{theme.flow}}}",
        f".flow-head,.bar{{fill:{theme.flow}}}",
        f".back,.frame{{stroke:{theme.back}}}",
        f".back-head,.heading{{fill:{theme.back}}}",
        f".rule{{stroke:{theme.boxes['pivot'].stroke}}}",
        f".rule-label{{fill:{theme.boxes['pivot'].stroke}}}",
        f".branch{{fill:{theme.ink}}}",
        f".diamond{{fill:{plain.fill};stroke:{theme.flow}}}",
        f".box rect{{fill:{plain.fill};stroke:{plain.stroke}}}",
        f".box text{{fill:{plain.text}}}",
        f".box .small{{fill:{theme.quiet}}}",
    ]
    for look, colours in theme.boxes.items():
        if look:
            rules.append(f".is-{look} rect{{fill:{colours.fill};stroke:{colours.stroke}}}")
            rules.append(f".is-{look} text,.is-{look} .small{{fill:{colours.text}}}")
    return "".join(
        ",".join(f".saga-drawing {part}" for part in rule.split("{", 1)[0].split(","))
        + "{"
        + rule.split("{", 1)[1]
        + "\n"
        for rule in rules
    )
