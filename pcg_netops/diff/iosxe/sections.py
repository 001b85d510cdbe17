"""What differs between two trees of sections, as commands; hier_config compares and negates."""

from __future__ import annotations

from dataclasses import dataclass, field

from hier_config.child import HConfigChild
from hier_config.models import IdempotentCommandsRule, MatchRule, NegationSubRule
from hier_config.platforms.driver_base import HConfigDriverBase, HConfigDriverRules
from hier_config.root import HConfig

from pcg_netops.diff.iosxe.form import is_idle, says_nothing
from pcg_netops.diff.iosxe.language import SINGLE, Tree, single


@dataclass
class Command:
    """A line to enter and the lines to enter in the mode that it opens."""

    text: str
    below: list[Command] = field(default_factory=list)

    @property
    def removes(self) -> bool:
        return self.text.startswith(("no ", "default "))

    def lines(self, depth: int = 0) -> list[str]:
        """As text: a mode that was opened is closed, so that nothing hangs on indentation."""
        indent = " " * depth
        if not self.below:
            return [f"{indent}{line}" if depth else line for line in self.text.split("\n")]
        leave = "exit-address-family" if self.text.startswith("address-family") else "exit"
        below = [line for command in self.below for line in command.lines(depth + 1)]
        return [f"{indent}{self.text}", *below, f"{indent}{leave}"]


class _Driver(HConfigDriverBase):
    """hier_config's rules from what we know of the language."""

    @staticmethod
    def _instantiate_rules() -> HConfigDriverRules:
        rules = HConfigDriverRules()
        for known in SINGLE:
            line = MatchRule(re_search=f"^{known.line}")
            above = (MatchRule(startswith=known.section),) if known.section else ()
            deeper = (*above, MatchRule(re_search=".")) if above else ()
            for path in {(*above, line), (*deeper, line)}:
                rules.idempotent_commands.append(IdempotentCommandsRule(match_rules=path))
                rules.negation_sub.append(
                    NegationSubRule(
                        match_rules=path, search=f"^no ({known.line}).*$", replace=r"no \1"
                    )
                )
        return rules

    def swap_negation(self, child: HConfigChild) -> HConfigChild:
        """What was switched off goes back to its default, which need not be on."""
        said = child.text
        child.text = f"default {said[3:]}" if said.startswith("no ") else f"no {said}"
        return child


_DRIVER = _Driver()


def difference(old: Tree, new: Tree) -> list[Command]:
    """The commands that turn one tree into the other, not yet in a safe order."""
    before, after = _apart(old, new)
    source, target = HConfig(_DRIVER), HConfig(_DRIVER)
    _fill(source, before)
    _fill(target, after)
    return _commands(source.config_to_get_to(target))


def plain(tree: Tree, beside: Tree, root: str = "") -> Tree:
    """Without what a device leaves out: defaults, and ports that say no more than that.

    A default that takes the place of another value in the tree `beside` stays: it is entered in
    full, as `no` would say less than what is meant.
    """
    others = {setting[0] for line in beside if line not in tree and (setting := single(root, line))}
    found: Tree = {}
    for line, below in tree.items():
        setting = single(root, line)
        if says_nothing(root, line, tree) and not (setting and setting[0] in others):
            continue
        if not root and is_idle(line, below) and not (line in beside and line.startswith("line ")):
            continue
        found[line] = plain(below, beside.get(line, {}), root or line)
    return found


def _apart(old: Tree, new: Tree) -> tuple[Tree, Tree]:
    """Only what differs of each, which keeps the comparison of large configurations quick."""
    before: Tree = {line: {} for line in old if line not in new}
    after: Tree = {}
    for line, wanted in new.items():
        if line not in old:
            after[line] = wanted
        elif old[line] != wanted:
            before[line], after[line] = _apart(old[line], wanted)
    return before, after


def _fill(parent: HConfig | HConfigChild, tree: Tree) -> None:
    for line, below in tree.items():
        _fill(parent.add_child(line), below)


def _commands(tree: HConfig | HConfigChild) -> list[Command]:
    texts = [child.text for child in tree.children]

    def is_entered(default: str) -> bool:
        """Whether what goes back to its default is switched on here: that is enough."""
        setting = default.removeprefix("default ")
        return any(text == setting or text.startswith(f"{setting} ") for text in texts)

    return [
        Command(child.text, _commands(child))
        for child in tree.children
        if not (child.text.startswith("default ") and is_entered(child.text))
    ]
