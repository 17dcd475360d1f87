"""The laboratory: two homes and an internet on one machine, in network namespaces.

Nothing here touches the machine's own interfaces: every wire runs between two namespaces of the lab.
`lab/run --list` lists what is shown; `lab/README.md` explains how to read and to extend it.
"""
