"""Python, the exported file and HTTP on every test photo: the same class from all three?

    python benchmarks/parity.py MODEL [DATA]

Ends with 1 where a photo gets another class, or is readable for one and not for another.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from local_server import LocalServer, local_server, multipart

from fieldmark import Recognizer
from fieldmark.evaluation.evaluate import photos_of_split
from fieldmark.export.export_onnx import export

AT_ONCE = 16

Said = tuple[str | None, float]
"""The best class and its probability; None and 0 for a photo that cannot be read."""


def from_python(model: Path, photos: Sequence[Path]) -> list[Said]:
    return [(answer.label, answer.confidence or 0.0) for answer in Recognizer(model).answers(photos)]


def from_http(server: LocalServer, photos: Sequence[Path]) -> list[Said]:
    connection = server.connect()
    said: list[Said] = []
    for start in range(0, len(photos), AT_ONCE):
        some = photos[start : start + AT_ONCE]
        body, headers = multipart([(f"{index}.jpg", path.read_bytes()) for index, path in enumerate(some)])
        connection.request("POST", "/v1/predict?top_k=1", body, headers)
        for answer in json.loads(connection.getresponse().read())["answers"]:
            best = answer["candidates"][0] if answer["candidates"] else {"label": None, "probability": 0.0}
            said.append((best["label"], best["probability"]))
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path, nargs="?")
    arguments = parser.parse_args()
    photos = photos_of_split(Recognizer(arguments.model), arguments.data, "test").paths
    expected = from_python(arguments.model, photos)
    with tempfile.TemporaryDirectory() as folder:
        file = export(arguments.model, Path(folder) / "model.onnx", data=arguments.data).path
        others = {"the exported file": from_python(file, photos)}
    with local_server(arguments.model) as server:
        others["HTTP"] = from_http(server, photos)
    differing = 0
    for name, said in others.items():
        wrong = sum(one[0] != two[0] for one, two in zip(expected, said, strict=True))
        largest = max(abs(one[1] - two[1]) for one, two in zip(expected, said, strict=True))
        print(f"{name}: another class on {wrong} of {len(photos)} photos; probabilities differ by up to {largest:.1e}")
        differing += wrong
    sys.exit(differing > 0)


if __name__ == "__main__":
    main()
