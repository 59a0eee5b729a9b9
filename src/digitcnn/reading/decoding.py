"""The best string for a recogniser's probabilities along a line."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from digitcnn.reading.automata import Automaton

_IMPOSSIBLE = -np.inf


@dataclass(frozen=True, slots=True)
class Decoded:
    """A string with the steps of its symbols.

    Attributes
    ----------
    text : str
    spans : tuple of pairs of int
        The first and the last step of each symbol.
    probability : float
        Probability of the whole text: the sum over all alignments.
    probabilities : ndarray of float32 of shape (n_read, n_symbols)
        For each symbol that was read, the probabilities of all symbols at its steps. They add up to
        1.
    """

    text: str
    spans: tuple[tuple[int, int], ...]
    probability: float
    probabilities: np.ndarray


def best_reading(
    log_probabilities: np.ndarray, symbols: Sequence[str], automaton: Automaton | None = None
) -> Decoded | None:
    """The allowed string with the most probable alignment.

    An alignment has a symbol or a blank for each step. Equal symbols in a row count as one, unless
    a blank separates them: connectionist temporal classification [1]_.

    Parameters
    ----------
    log_probabilities : ndarray of float of shape (n_steps, 1 + n_symbols)
        Column 0 is the blank.
    symbols : sequence of str
    automaton : Automaton or None, default=None
        The allowed strings. None: all strings.

    Returns
    -------
    Decoded or None
        None if all allowed strings have the probability 0.

    References
    ----------
    .. [1] A. Graves, S. Fernández, F. Gomez and J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural networks", ICML
       2006.
    """
    if automaton is not None:
        path = _search_of(automaton).best_path(log_probabilities)
    elif np.isneginf(log_probabilities.max(axis=1)).any():
        path = None
    else:
        path = log_probabilities.argmax(axis=1)
    if path is None:
        return None
    spans = runs_of(path)
    read = [int(path[first]) - 1 for first, _ in spans]
    probability = float(np.exp(score(log_probabilities, read)))
    shares = np.zeros((len(read), len(symbols)), np.float32)
    for i, (first, last) in enumerate(spans):
        at_steps = log_probabilities[first : last + 1, 1:].astype(np.float64)
        summed = np.logaddexp.reduce(at_steps, axis=0)
        shares[i] = np.exp(summed - np.logaddexp.reduce(summed))
    text = "".join(symbols[i] for i in read)
    return Decoded(text, spans, min(probability, 1.0), shares)


def score(log_probabilities: np.ndarray, read: Sequence[int]) -> float:
    """The logarithm of the probability of a string, by the forward algorithm.

    Parameters
    ----------
    log_probabilities : ndarray of float of shape (n_steps, 1 + n_symbols)
    read : sequence of int
        The index of each symbol, from 0.
    """
    columns = np.zeros(2 * len(read) + 1, np.intp)  # Blanks around each symbol.
    columns[1::2] = np.asarray(read, np.intp) + 1
    may_skip = np.zeros(len(columns), bool)  # The blank between two different symbols.
    may_skip[3::2] = columns[3::2] != columns[1:-2:2]
    emitted = log_probabilities[:, columns].astype(np.float64)
    alpha = np.full(len(columns), _IMPOSSIBLE)
    alpha[0] = 0.0  # Before the first step.
    for step in emitted:
        before = np.concatenate([[_IMPOSSIBLE], alpha[:-1]])
        skipped = np.full(len(columns), _IMPOSSIBLE)
        skipped[2:] = np.where(may_skip[2:], alpha[:-2], _IMPOSSIBLE)
        alpha = np.logaddexp(np.logaddexp(alpha, before), skipped) + step
    return float(np.logaddexp.reduce(alpha[-2:]))


def runs_of(path: np.ndarray) -> tuple[tuple[int, int], ...]:
    """The first and the last step of each run of a symbol."""
    edges = np.flatnonzero(np.diff(path)) + 1
    firsts, stops = np.r_[0, edges], np.r_[edges, len(path)]
    return tuple(
        (int(first), int(stop) - 1)
        for first, stop in zip(firsts, stops, strict=True)
        if first < stop and path[first] != 0
    )


class _Search:
    """Viterbi's algorithm over the product of an automaton and the alignments.

    Each state of the automaton may be at a blank. A node is a state with the symbol that led to it.
    That symbol may be repeated. To occur a second time it needs a blank in between, which another
    symbol does not need. So the search needs the best node of a state, and the best node with
    another symbol.
    """

    def __init__(self, automaton: Automaton) -> None:
        sources, symbols = np.nonzero(automaton.transitions >= 0)
        targets = automaton.transitions[sources, symbols].astype(np.intp)
        n_states, n_symbols = automaton.transitions.shape
        nodes = targets * n_symbols + symbols
        order = np.argsort(nodes, kind="stable")
        self._edge_sources, self._edge_symbols = sources[order], symbols[order]
        nodes, edge_starts = np.unique(nodes[order], return_index=True)
        self._edges = _Segments(edge_starts, len(order))
        states = nodes // n_symbols
        self._reached, node_starts = np.unique(states, return_index=True)
        self._of_states = _Segments(node_starts, len(nodes))
        # Places are the nodes, then the states at a blank, then one that cannot be reached.
        self._n_nodes, self._n_states = len(nodes), n_states
        self._symbols = np.full(len(nodes) + n_states + 1, -1)
        self._symbols[: len(nodes)] = nodes % n_symbols
        self._is_final = np.concatenate(
            [automaton.is_final[states], automaton.is_final, np.zeros(1, bool)]
        )

    def best_path(self, log_probabilities: np.ndarray) -> np.ndarray | None:
        """The column of each step of the best alignment; None if all are impossible."""
        n_nodes, n_steps = self._n_nodes, len(log_probabilities)
        n_places = len(self._symbols)
        at_nodes, at_blanks = np.arange(n_nodes), np.arange(n_nodes, n_places - 1)
        came_from = np.zeros((n_steps, n_places), np.int32)
        scores = np.full(n_places, _IMPOSSIBLE)
        scores[n_nodes] = 0.0  # The start.
        for t, step in enumerate(log_probabilities.astype(np.float64)):
            first, second = self._best_nodes(scores)
            best = np.where(scores[first] > scores[at_blanks], first, at_blanks)
            other = np.where(scores[second] > scores[at_blanks], second, at_blanks)
            leaving = best[self._edge_sources]
            is_same = self._symbols[leaving] == self._edge_symbols
            leaving = np.where(is_same, other[self._edge_sources], leaving)
            entering = leaving[self._edges.argmax(scores[leaving])]
            stays = scores[:n_nodes] >= scores[entering]
            came_from[t, :n_nodes] = np.where(stays, at_nodes, entering)
            came_from[t, n_nodes:-1] = best
            scores = scores[came_from[t]] + step[self._symbols + 1]
            scores[-1] = _IMPOSSIBLE
        place = int(np.where(self._is_final, scores, _IMPOSSIBLE).argmax())
        if not self._is_final[place] or np.isneginf(scores[place]):
            return None
        path = np.zeros(n_steps, np.intp)
        for t in range(n_steps - 1, -1, -1):
            path[t] = self._symbols[place] + 1
            place = int(came_from[t, place])
        return path

    def _best_nodes(self, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The best and the second best node of each state."""
        nowhere = len(self._symbols) - 1
        first = np.full(self._n_states, nowhere)
        second = np.full(self._n_states, nowhere)
        of_nodes = scores[: self._n_nodes]
        best = self._of_states.argmax(of_nodes)
        first[self._reached] = best
        if not self._of_states.are_single:
            others = of_nodes.copy()
            others[best] = _IMPOSSIBLE
            next_best = self._of_states.argmax(others)
            # Without another node the argmax is arbitrary, and may be the best node itself.
            is_one = others[next_best] > _IMPOSSIBLE
            second[self._reached] = np.where(is_one, next_best, nowhere)
        return first, second


@lru_cache(maxsize=8)
def _search_of(automaton: Automaton) -> _Search:
    """The search of an automaton. Making one takes some milliseconds, so that lines share it."""
    return _Search(automaton)


class _Segments:
    """Consecutive parts of an array, none of them empty."""

    def __init__(self, starts: np.ndarray, length: int) -> None:
        self.are_single = len(starts) == length
        self._starts = starts
        self._indices = np.arange(length)
        self._owners = np.repeat(np.arange(len(starts)), np.diff(np.r_[starts, length]))

    def argmax(self, values: np.ndarray) -> np.ndarray:
        """The index of the highest value of each part."""
        if self.are_single:
            return self._indices
        highest = np.maximum.reduceat(values, self._starts)
        is_highest = values == highest[self._owners]
        indices = np.where(is_highest, self._indices, len(values))
        found: np.ndarray = np.minimum.reduceat(indices, self._starts)
        return found
