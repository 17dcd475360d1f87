"""Lists public symbols without a documentation comment; exits with 1 when there are any.

Usage: check_documented.py GRAPH.symbols.json …   (as `docc` and `swift package dump-symbol-graph` write them)
"""

import json
import sys


def undocumented(path):
    with open(path, encoding="utf-8") as file:
        graph = json.load(file)
    for symbol in graph["symbols"]:
        # A symbol that the compiler made, or that only repeats a protocol's requirement, has no line of its own.
        if "::SYNTHESIZED::" in symbol["identifier"]["precise"] or "location" not in symbol:
            continue
        if symbol["accessLevel"] in ("public", "open") and "docComment" not in symbol:
            yield graph["module"]["name"], ".".join(symbol["pathComponents"]), symbol["location"]


def main():
    missing = sorted((module, name, where["uri"].split("/Sources/")[-1], where["position"]["line"] + 1)
                     for path in sys.argv[1:] for module, name, where in undocumented(path))
    for module, name, file, line in missing:
        print(f"{module}.{name} has no documentation comment (Sources/{file}:{line})")
    print(f"{len(sys.argv) - 1} modules, {len(missing)} public symbols without documentation")
    return 1 if missing or len(sys.argv) < 3 else 0


if __name__ == "__main__":
    sys.exit(main())
