"""As much of the Dockerfile language as ours uses: its instructions, in order, by stage."""

import dataclasses
import json
import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent.parent
KNOWN = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "USER", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
         "ENTRYPOINT", "CMD"}


@dataclasses.dataclass
class Instruction:
    name: str
    flags: dict  # "--from=build" is {"from": "build"}
    rest: str

    @property
    def words(self):
        """The words of the exec form, else of the shell form."""
        return json.loads(self.rest) if self.rest.startswith("[") else self.rest.split()


@dataclasses.dataclass
class Stage:
    base: str
    name: str
    instructions: list

    def all(self, name):
        return [one for one in self.instructions if one.name == name]

    def last(self, name):
        return self.all(name)[-1]


def read_dockerfile(path=ROOT / "conf/docker/Dockerfile"):
    """Its stages; ARGs before the first one are put into the FROM lines."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    arguments, stages = {}, []
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if not line.strip():
            continue
        name, rest = line.split(None, 1)
        assert name in KNOWN, f"{name}: this reader does not know it"
        flags = {}
        while match := re.match(r"--([\w-]+)=(\S+)\s+", rest):
            flags[match[1]] = match[2]
            rest = rest[match.end():]
        if name == "ARG":
            key, _, value = rest.partition("=")
            arguments[key] = value
        elif name == "FROM":
            base, _, stage = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], rest).partition(" AS ")
            stages.append(Stage(base, stage, []))
        else:
            stages[-1].instructions.append(Instruction(name, flags, rest.strip()))
    return stages
