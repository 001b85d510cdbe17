"""The picture of the lab, laid out by Graphviz: the organisation left, its partners right."""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from markupsafe import Markup

from pcg_netops.cutover.evidence import LabEvidence, LinkEvidence, NodeEvidence
from pcg_netops.model.device import Role
from pcg_netops.report.words import count

# Keys are strings too: evidence holds roles as text.
_COLUMNS: dict[str, int] = {Role.EDGE: 0, Role.GATEWAY: 1, Role.CORE: 2, Role.PARTNER: 3}
_PARTNERS = "Partners"
_DRAWN = ("svg", "g", "polygon", "path", "text")
_TIMEOUT_S = 30
_HEAD = """\
graph lab {
  rankdir=LR; bgcolor=transparent; nodesep=0.12; ranksep=0.75; splines=true; margin=0; pad=0.05;
  node [shape=box, fontname="Helvetica", fontsize=12, margin="0.1,0.05", height=0.4];
  edge [fontname="Helvetica", fontsize=10];
  fontname="Helvetica"; fontsize=12; labeljust=l; style=rounded;
"""


@dataclass(frozen=True)
class Picture:
    """The drawing, or why there is none."""

    svg: Markup | None
    problem: str = ""


def draw(lab: LabEvidence, exchanges: Sequence[str] = ()) -> Picture:
    """Lay the lab out with `dot`. Never raises: a report without its picture is still a report."""
    try:
        done = subprocess.run(
            ["dot", "-Tsvg"],
            input=dot_source(lab, exchanges),
            capture_output=True,
            check=True,
            encoding="utf-8",
            timeout=_TIMEOUT_S,
        )
        return Picture(_inline(done.stdout, lab))
    except FileNotFoundError:
        problem = "the program dot is not installed (Debian package graphviz)"
    except subprocess.CalledProcessError as error:
        problem = f"dot refused it: {error.stderr.strip() or f'exit code {error.returncode}'}"
    except subprocess.TimeoutExpired:
        problem = f"dot took longer than {_TIMEOUT_S} s"
    except (OSError, UnicodeError, ElementTree.ParseError) as error:
        problem = f"dot could not be used: {error}"
    return Picture(None, problem)


def dot_source(lab: LabEvidence, exchanges: Sequence[str] = ()) -> str:
    """The lab in Graphviz's language; nodes are numbered, so no name has to be an identifier."""
    numbers = {node.name: f"n{index}" for index, node in enumerate(lab.nodes)}
    columns = _columns(lab)
    lines = [_HEAD]
    for index, ((column, title), nodes) in enumerate(_groups(lab, columns).items()):
        is_exchange = column == _COLUMNS[Role.GATEWAY] and title in exchanges
        look = f"group exchange-{exchanges.index(title) % 6}" if is_exchange else "group"
        lines.append(
            f'  subgraph cluster_{index} {{ label={_quoted(title)}; class="{look}"; margin=8;'
        )
        lines += [f"    {numbers[node.name]} [label={_label(node)}];" for node in nodes]
        lines.append("  }")
    links = _links(lab)
    largest = max((link.mtu for link in links), default=0)
    for link in links:
        left, right = sorted(link.ends, key=lambda name: columns[name])
        level = ", constraint=false" if columns[left] == columns[right] else ""
        narrow = ", style=dashed" if link.mtu < largest else ""
        if link.tunnel:
            narrow = ', color="black:black", penwidth=2'
        # Gateways stand next to the edges, however many links they have to the other side.
        weight = 8 if columns[left][0] == _COLUMNS[Role.EDGE] else 2
        lines.append(f"  {numbers[left]} -- {numbers[right]} [weight={weight}{level}{narrow}];")
    return "\n".join([*lines, "}\n"])


def _links(lab: LabEvidence) -> list[LinkEvidence]:
    """The links between nodes of the lab; one that leads elsewhere cannot be drawn."""
    names = {node.name for node in lab.nodes}
    return [link for link in lab.links if names.issuperset(link.ends)]


def _columns(lab: LabEvidence) -> dict[str, tuple[int, int]]:
    """What sorts nodes from left to right: their role, then how far they are from a partner.

    Nodes of any other role, such as hosts, stand outside of what they are connected to.
    """
    away = _distances(lab, [node.name for node in lab.nodes if node.role == Role.PARTNER])
    roles = {node.name: _COLUMNS[node.role] for node in lab.nodes if node.role in _COLUMNS}
    near = _neighbours(lab)
    columns = {}
    for node in lab.nodes:
        outermost = max((roles[name] for name in near[node.name] if name in roles), default=0)
        column = roles.get(node.name, 4 if outermost >= _COLUMNS[Role.CORE] else -1)
        columns[node.name] = (column, -away.get(node.name, 0))
    return columns


def _groups(
    lab: LabEvidence, columns: Mapping[str, tuple[int, int]]
) -> dict[tuple[int, str], list[NodeEvidence]]:
    """Nodes by (column, title): the organisation, exchanges, domains and all partners together."""
    of = {
        node.name: (_COLUMNS[node.role], _PARTNERS if node.role == Role.PARTNER else node.group)
        for node in lab.nodes
        if node.role in _COLUMNS
    }
    near = _neighbours(lab)
    groups: defaultdict[tuple[int, str], list[NodeEvidence]] = defaultdict(list)
    for node in lab.nodes:
        around = [of[name] for name in near[node.name] if name in of]
        groups[of.get(node.name) or next(iter(around), (columns[node.name][0], node.group))].append(
            node
        )
    return groups


def _neighbours(lab: LabEvidence) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {node.name: [] for node in lab.nodes}
    for link in _links(lab):
        for here, there in (link.ends, link.ends[::-1]):
            found[here].append(there)
    return found


def _distances(lab: LabEvidence, sources: list[str]) -> dict[str, int]:
    """How many links each node is away from the nearest source."""
    near = _neighbours(lab)
    away = dict.fromkeys(sources, 0)
    reached = list(sources)
    for name in reached:
        new = [other for other in near[name] if other not in away]
        away.update(dict.fromkeys(new, away[name] + 1))
        reached += new
    return away


def _label(node: NodeEvidence) -> str:
    return _quoted(*dict.fromkeys((node.title or node.name, node.name)))


def _quoted(*lines: str) -> str:
    """A quoted label. Graphviz reads escapes and HTML entities in it, so both are neutralised."""
    plain = (line.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(plain) + '"'


def _inline(document: str, lab: LabEvidence) -> Markup:
    """The drawing as part of a page: without namespaces, sizes in points and tooltips."""
    root = ElementTree.fromstring(document)  # noqa: S314  written by dot just now
    for element in [root, *root.iter()]:
        element.tag = element.tag.rpartition("}")[2]
        element.attrib.pop("{http://www.w3.org/XML/1998/namespace}space", None)
        for child in list(element):
            if child.tag.rpartition("}")[2] not in _DRAWN:
                element.remove(child)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    summary = f"{count(len(lab.nodes), 'node')} and {count(len(lab.links), 'link')} of the lab"
    root.attrib.update({"class": "topology", "role": "img", "aria-label": summary})
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # noqa: S704  escaped by dot
