"""Message filters that forget to return the message."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["forgetsReturn"]


def forgetsReturn(method: Callable[..., Any]) -> bool:
    """Whether a function returns nothing anywhere, and never says so: it comes to its end without ``return``.

    Args:
        method: A function or method. Of one whose source is not known nothing is said.
    """
    function = inspect.unwrap(getattr(method, "__func__", method))
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return False
    definition = tree.body[0]
    if not isinstance(definition, (ast.FunctionDef, ast.AsyncFunctionDef)) or definition.name != function.__name__:
        return False
    return not _returns(definition.body) and not _raises(definition.body)


def _returns(body: Sequence[ast.AST]) -> bool:
    """Whether one of the statements, or one inside of them, returns a value, be it None."""
    for node in body:
        if isinstance(node, ast.Return) and node.value is not None:
            return True
        isItsOwn = not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef))
        if isItsOwn and _returns(list(ast.iter_child_nodes(node))):
            return True
    return False


def _raises(body: Sequence[ast.stmt]) -> bool:
    """Whether the last of the statements raises, so that the end is never reached."""
    return isinstance(body[-1], ast.Raise)
