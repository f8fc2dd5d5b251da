"""The guard, asked over a pipe: it decides, in Rust, and nothing else does."""

import json
import subprocess


class Judge:
    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _tell(self, **line) -> None:
        self._process.stdin.write(json.dumps(line) + "\n")

    def begin(self, preset: str, owner: str) -> None:
        self._tell(op="new", preset=preset, owner=owner)

    def read(self, result: dict) -> None:
        self._tell(op="read", **result)

    def approved(self, plan: dict) -> None:
        self._tell(op="approved", plan=plan)

    def decide(self, plan: dict) -> dict:
        self._tell(op="decide", plan=plan)
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())
