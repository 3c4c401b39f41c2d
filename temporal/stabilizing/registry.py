"""The register of stabilisers: each with its parameters, and what it needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from yolact_temporal.errors import UsageError, advice_on_name
from yolact_temporal.temporal.stabilizing.contract import Method
from yolact_temporal.temporal.stabilizing.distances import DistanceMean
from yolact_temporal.temporal.stabilizing.one_euro import OneEuroBox
from yolact_temporal.temporal.stabilizing.presence import Fill, Freeze, Hold, Hysteresis, Identity
from yolact_temporal.temporal.stabilizing.soft_mean import SoftMean
from yolact_temporal.temporal.stabilizing.voting import Median, Vote


@dataclass(frozen=True)
class Parameter:
    """A number that a method takes.

    Attributes:
        name: as in `NAME:name=value`.
        meaning: one phrase.
        least, most: its range, both allowed.
        default: where nobody says.
        whole: whether only whole numbers are; `odd`: only odd ones.
    """

    name: str
    meaning: str
    least: float
    most: float
    default: float
    whole: bool = False
    odd: bool = False

    @property
    def wanted(self) -> str:
        """What may be given, for a message."""
        kind = "an odd number" if self.odd else "a whole number" if self.whole else "a number"
        most = f" to {self.most:g}" if math.isfinite(self.most) else " up"
        return f"{kind} from {self.least:g}{most}"

    def read(self, text: str) -> float:
        """Return the number of a text.

        Raises:
            ValueError: if it is none, or outside the range.
        """
        value = float(text)
        fits = self.least <= value <= self.most and (not self.whole or value == int(value))
        if not fits or (self.odd and int(value) % 2 == 0):
            raise ValueError(text)
        return value


@dataclass(frozen=True)
class MethodSpec:
    """A stabiliser as it is registered.

    Attributes:
        name: as on the command line.
        meaning: one sentence.
        make: makes one, from its parameters in order.
        parameters: what it takes.
        tried: what `what-if` tries, the parameters of each; one of none for a method that takes none.
        look_ahead: frames of the future that it knows, given its parameters.
        needs_motion: whether masks are carried by the flow, and the clip so must be there.
        needs_faint: whether it lives on instances below the operating threshold.
        needs_soft: whether it lives on soft masks.
        control: whether it only stands beside the others and is never recommended.
    """

    name: str
    meaning: str
    make: Callable[..., Method]
    parameters: tuple[Parameter, ...] = ()
    tried: tuple[tuple[float, ...], ...] = ((),)
    look_ahead: Callable[..., int] = field(default=lambda *_: 0)
    needs_motion: bool = True
    needs_faint: bool = False
    needs_soft: bool = False
    control: bool = False


@dataclass(frozen=True)
class Candidate:
    """A method with its parameters.

    Example:
        >>> candidate = parse_method("median:5")
        >>> candidate.name, candidate.look_ahead, candidate.causal
        ('median5', 2, False)
    """

    spec: MethodSpec
    values: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """Its method's name with its parameters, defaults after the first left out: part of a model's name."""
        told = list(self.values)
        while len(told) > 1 and told[-1] == self.spec.parameters[len(told) - 1].default:
            del told[-1]
        return self.spec.name + "_".join(f"{value:g}" for value in told)

    @property
    def look_ahead(self) -> int:
        """How many frames of the future it must know."""
        return self.spec.look_ahead(*self.values)

    @property
    def causal(self) -> bool:
        """Whether it works live."""
        return self.look_ahead == 0

    def make(self) -> Method:
        """Return a fresh stabiliser."""
        whole = [parameter.whole for parameter in self.spec.parameters]
        return self.spec.make(
            *(int(value) if own else value for value, own in zip(self.values, whole, strict=True))
        )


_FRAMES = Parameter("frames", "the longest absence that is bridged", 1, 60, 5, whole=True)
_ALPHA = Parameter("alpha", "what the new frame weighs", 0.05, 1.0, 0.5)
_WIDTH = Parameter("width", "frames that vote", 3, 31, 3, whole=True, odd=True)

METHODS: Mapping[str, MethodSpec] = {
    spec.name: spec
    for spec in (
        MethodSpec("identity", "What counts, as it is.", Identity, needs_motion=False, control=True),
        MethodSpec(
            "freeze",
            "Each track's first mask, wherever it is seen.",
            Freeze,
            needs_motion=False,
            control=True,
        ),
        MethodSpec(
            "hysteresis",
            "A track starts above the operating threshold and goes on above a lower one.",
            Hysteresis,
            (Parameter("low", "the lower threshold", 0.0, 1.0, 0.0),),
            ((0.0,), (0.1,), (0.2,)),
            needs_motion=False,
            needs_faint=True,
        ),
        MethodSpec(
            "hold",
            "A track that is absent is shown on as its last mask, carried by the flow.",
            Hold,
            (_FRAMES,),
            ((2,), (5,), (10,)),
        ),
        MethodSpec(
            "vote",
            "A pixel is of an object where most of its last masks, carried by the flow, have it.",
            Vote,
            (_WIDTH,),
            ((3,), (5,)),
        ),
        MethodSpec(
            "sdf",
            "Exponential mean of signed distances to the outline, carried by the flow.",
            DistanceMean,
            (_ALPHA,),
            ((0.3,), (0.5,), (0.7,)),
        ),
        MethodSpec(
            "soft",
            "Exponential mean of probabilities where a pixel is undecided, carried by the flow.",
            SoftMean,
            (_ALPHA,),
            ((0.3,), (0.5,)),
            needs_soft=True,
        ),
        MethodSpec(
            "one-euro",
            "One-Euro filter of the box, the mask scaled with it.",
            OneEuroBox,
            (
                Parameter("min_cutoff", "the cutoff at rest in Hz", 0.01, 100.0, 1.0),
                Parameter("beta", "Hz that it grows by for each pixel a second", 0.0, 10.0, 0.05),
            ),
            ((1.0, 0.05), (1.0, 0.2), (1.0, 1.0)),
            needs_motion=False,
        ),
        MethodSpec(
            "fill",
            "A gap is filled from both sides, each carried by the flow.",
            Fill,
            (_FRAMES,),
            ((2,), (5,)),
            look_ahead=int,
        ),
        MethodSpec(
            "median",
            "A pixel is of an object where most of its masks before and after, carried by the flow, have it.",
            Median,
            (_WIDTH,),
            ((3,), (5,)),
            look_ahead=lambda width: int(width) // 2,
        ),
    )
}
"""By name, the controls first, then the causal ones."""


def candidates_of(specs: Sequence[MethodSpec]) -> list[Candidate]:
    """Return every method with every choice of parameters that is tried."""
    return [Candidate(spec, values) for spec in specs for values in spec.tried]


def parse_method(text: str) -> Candidate:
    """Return the method of a text: NAME, NAME:VALUE[,VALUE], NAME:parameter=VALUE, or the name as in a model's name.

    Raises:
        UsageError: if there is no such method or parameter, or a number is none or outside its range.

    Example:
        >>> parse_method("sdf").name, parse_method("hold:frames=2").name, parse_method("vote3").values
        ('sdf0.5', 'hold2', (3.0,))
    """
    name, _, told = text.partition(":")
    if not told and name not in METHODS:
        found = next((each for each in METHODS if name.startswith(each)), None)
        if found is not None:
            name, told = found, name.removeprefix(found).replace("_", ",")
    spec = METHODS.get(name)
    if spec is None:
        raise UsageError(
            f"expected a method of {', '.join(METHODS)}, got {text!r}: "
            f"{advice_on_name(text, METHODS, 'name one of them, as in median:3')}"
        )
    return Candidate(spec, _values(spec, [each for each in told.split(",") if each]))


def require_causal(candidate: Candidate) -> Candidate:
    """Return a method that works live, or refuse one that does not.

    Raises:
        UsageError: if it needs frames of the future.
    """
    if not candidate.causal:
        raise UsageError(
            f"expected a method that works live beside --stabilize, got {candidate.name}, which needs "
            f"{candidate.look_ahead} frame{'' if candidate.look_ahead == 1 else 's'} of the future: stabilise the "
            f"finished run with `stabilize`"
        )
    return candidate


def _values(spec: MethodSpec, told: Sequence[str]) -> tuple[float, ...]:
    values = {parameter.name: parameter.default for parameter in spec.parameters}
    for place, each in enumerate(told):
        name, equals, text = each.partition("=")
        if not equals:
            name, text = (spec.parameters[place].name if place < len(spec.parameters) else ""), each
        parameter = next((own for own in spec.parameters if own.name == name), None)
        if parameter is None:
            takes = ", ".join(own.name for own in spec.parameters) or "no parameter"
            raise UsageError(f"expected {takes} of {spec.name}, got {each!r}: leave it out")
        try:
            values[name] = parameter.read(text)
        except ValueError as error:
            raise UsageError(
                f"expected {parameter.wanted} as {name} of {spec.name}, got {text!r}: pass one"
            ) from error
    return tuple(values.values())
