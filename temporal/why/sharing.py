"""What each part contributes, all orders counted alike: Shapley's value, and Owen's for parts that belong together."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import chain, permutations, product
from typing import TypeVar

Player = TypeVar("Player", bound=Hashable)
Unions = Sequence[Sequence[Player]]
"""Players; those that belong together stand in one sequence."""


def orders(unions: Unions[Player]) -> Iterator[tuple[Player, ...]]:
    """Yield every order of the players in which those of a union follow each other.

    Example:
        >>> ["".join(order) for order in orders(["a", "bc"])]
        ['abc', 'acb', 'bca', 'cba']
    """
    for ordered in permutations(unions):
        for within in product(*(permutations(union) for union in ordered)):
            yield tuple(chain.from_iterable(within))


def coalitions(unions: Unions[Player]) -> tuple[frozenset[Player], ...]:
    """Return every set of players whose value is asked for, each once, from none to all.

    Example:
        >>> [sorted(each) for each in coalitions(["a", "b"])]
        [[], ['a'], ['b'], ['a', 'b']]
    """
    found: dict[frozenset[Player], None] = {}
    for order in orders(unions):
        for count in range(len(order) + 1):
            found[frozenset(order[:count])] = None
    return tuple(sorted(found, key=len))


def shares(unions: Unions[Player], value: Callable[[frozenset[Player]], float]) -> dict[Player, float]:
    """Return each player's mean contribution over all orders; they add up to value(all) - value(none).

    Shapley (1953) where every union has one player, Owen (1977) else: the players of a union share what the union
    as one player would get.

    Args:
        unions: the players.
        value: of a set of players.

    Example:
        >>> shares(["a", "b"], lambda players: 3.0 * ("a" in players) + 4.0 * (len(players) == 2))
        {'a': 5.0, 'b': 2.0}
    """
    told = {players: value(players) for players in coalitions(unions)}
    sums = dict.fromkeys(chain.from_iterable(unions), 0.0)
    every = list(orders(unions))
    for order in every:
        before = told[frozenset()]
        for count, player in enumerate(order, start=1):
            after = told[frozenset(order[:count])]
            sums[player] += after - before
            before = after
    return {player: total / len(every) for player, total in sums.items()}
