"""Holds JSON documents against their schema files: validate.py SCHEMAS DOCUMENT...

A document names its schema in its key "schema"; a file *.ndjson has a row of a dump on each line, or an event of a trace. Prints what does not fit.
"""
import json
import pathlib
import sys

import jsonschema

folder = pathlib.Path(sys.argv[1])
bad = 0


def load(name):
    schema = json.loads((folder / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


for path in map(pathlib.Path, sys.argv[2:]):
    if path.suffix == ".ndjson":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        documents = [("trace-row" if "event" in row else "dump-row", row) for row in rows]
    else:
        document = json.loads(path.read_text())
        documents = [(document["schema"].split("/")[1], document)]
    for name, document in documents:
        for error in load(name).iter_errors(document):
            bad += 1
            print(f"{path.name}: {error.json_path}: {error.message[:300]}")
    print(f"{path.name}: {len(documents)} checked against {documents[0][0] if documents else 'nothing'}", file=sys.stderr)
sys.exit(1 if bad else 0)
