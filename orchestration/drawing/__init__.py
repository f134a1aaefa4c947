"""Drawing a saga definition: what is where (`layout`), what is written in it (`words`), how it looks (`style`).

Pure: a definition and, if wanted, the state of each step go in; a string comes out. `orchestration.drawing.mermaid` and
`orchestration.drawing.svg` are the two ways to call it.
"""
