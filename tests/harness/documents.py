"""The documentation as a list of blocks. What a test must know about a block and a reader need not is
said in a comment right before it, `<!-- test: WORD... -->`:

scene            a new scene begins: an empty folder with copies of conf/ and docs/examples/, a new shell
gateway=FILE     ... in which a gateway runs on this file
redis            ... and a redis-server
nginx=FILE       ... and an nginx whose `http` block includes this file
haproxy=FILE     ... and an haproxy on this file
stop             everything that runs is stopped first
file=PATH        the block is written to this file of the scene
config           a whole configuration: `sluice -t` must take it
part             the top-level keys of one; the others are taken from documents.BASE
part=KEY.KEY     likewise, but what is shown lies under these keys
other            another program's YAML, which is read only
excerpt=PATH     the block's lines are in this file of the repository, in this order
exit=N           the exit code of the block's last command
stream           a `text` block: what the last stream shows, not what the last command printed
page=URL         a `text` block: what a browser shows there
figure           a picture or a part of the wire: nothing to run
skip=REASON      cannot be run here; REASONS has the only ones that count

`sh` blocks are run in the scene. A `text` block is what the block before it printed, or, if that opened
a stream, what the stream shows; `...` stands for anything. In a command, `# → TEXT` says what it prints.
"""

import dataclasses
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).parent.parent.parent
FLAGS = {"scene", "redis", "stop", "config", "part", "stream", "figure", "other"}
SETTINGS = {"gateway", "nginx", "haproxy", "file", "part", "excerpt", "exit", "skip", "page"}
REASONS = {
    "container": "needs a container engine",
    "minutes": "takes minutes",
    "root": "needs root, and changes the machine",
    "systemd": "needs systemd",
}
# Languages whose blocks need a word that says what they are.
DECLARED = {"yaml": {"config", "part", "excerpt", "other"},
            "nginx": {"file", "excerpt"},
            "haproxy": {"file", "excerpt"},
            "dockerfile": {"excerpt"},
            "ini": {"excerpt"},
            "php": {"excerpt"},
            "ruby": {"excerpt"},
            "go": {"excerpt"},
            "jsx": {"excerpt"},
            "": {"figure"},
            "http": {"figure"}}
UNDECLARED = {"sh", "text", "js", "html", "python", "json"}

COMMENT = re.compile(r"^<!--\s*test:\s*(.*?)\s*-->$")
FENCE = re.compile(r"^(\s*)```(\S*)\s*$")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*$")


@dataclasses.dataclass
class Block:
    path: str       # relative to the repository
    line: int       # of its fence
    heading: str    # the nearest one above
    language: str
    text: str       # with a line feed at the end of each line
    words: dict     # of the comment before it; a flag's value is True

    def has(self, word):
        return word in self.words

    @property
    def place(self):
        return f"{self.path}:{self.line}"


def parse_words(text, place):
    words = {}
    for word in shlex.split(text):
        name, is_setting, value = word.partition("=")
        known = SETTINGS if is_setting else FLAGS
        assert name in known and name not in words, f"{place}: `{word}` in a test comment"
        words[name] = value if is_setting else True
    return words


def blocks(path):
    """The fenced blocks of a file, in order."""
    found, words, heading = [], {}, ""
    lines = enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if comment := COMMENT.match(line.strip()):
            words = parse_words(comment[1], f"{path}:{number}")
        elif title := HEADING.match(line):
            heading = title[2]
        elif fence := FENCE.match(line):
            indent, text = len(fence[1]), []
            for _, inner in lines:
                if inner.strip() == "```":
                    break
                text.append(inner[indent:] if not inner[:indent].strip() else inner)
            else:
                raise AssertionError(f"{path}:{number}: the block has no end")
            found.append(Block(path, number, heading, fence[2], "".join(f"{one}\n" for one in text),
                               words))
            words = {}
        elif line.strip():
            assert not words, f"{path}:{number}: a test comment belongs right before a block"
    return found


def documents():
    """Every page of the documentation, as paths relative to the repository."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [str(page.relative_to(ROOT)) for page in pages if "node_modules" not in page.parts]


def fault(block):
    """What is wrong with the block's declaration; None if nothing is."""
    needed = DECLARED.get(block.language)
    if needed is None:
        if block.language not in UNDECLARED:
            return f"no test knows what to do with `{block.language}`"
    elif not needed & block.words.keys():
        return f"a `{block.language}` block must say one of {', '.join(sorted(needed))}"
    if block.has("skip") and block.words["skip"] not in REASONS:
        return f"`{block.words['skip']}` is no reason to skip: {', '.join(REASONS)}"
    return None


def scenes(path):
    """The file's blocks as lists, each beginning with the block that opens the scene. What needs no
    scene (a config, a script to read) and comes before the first is one of its own."""
    found = []
    for block in blocks(path):
        if block.has("scene") or not found:
            found.append([])
        found[-1].append(block)
    return found


# Headings and links.

LINK = re.compile(r"\]\(([^)\s]+)\)|\b(?:src|href)=\"([^\"]+)\"")
CODE = re.compile(r"`[^`]*`")


def prose(path):
    """The numbered lines of a page outside its blocks."""
    inside = False
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        if line.strip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def table(path, heading):
    """The rows of the tables under a heading, as lists of cells."""
    rows, inside = [], False
    for _, line in prose(path):
        if line.startswith("#"):
            inside = line.strip("# ") == heading
        elif inside and line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def links(path):
    """(line, target) of each link and image."""
    for number, line in prose(path):
        for match in LINK.finditer(CODE.sub("", line)):
            yield number, match[1] or match[2]


def anchors(path):
    """The fragments that the page's headings can be reached by, as GitHub makes them."""
    found = set()
    for _, line in prose(path):
        if title := HEADING.match(line):
            plain = re.sub(r"[^\w\- ]", "", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title[2]).lower())
            anchor = plain.replace(" ", "-")
            found.add(next(name for name in (anchor, *(f"{anchor}-{n}" for n in range(1, 99)))
                           if name not in found))
    return found
