# SPDX-License-Identifier: Apache-2.0
"""Random PromQL whose answer two correct engines must agree on.

Each expression carries how well its values are determined, so that nothing is asked whose answer is
a matter of rounding (comparing two averages, say), and so that what is exact is compared exactly:

* EXACT: small multiples of 1/8; sums of them do not depend on the order.
* SAME: every engine that follows IEEE 754 gets these very bits, but sums of them may differ.
* NEAR: engines may differ in the last digits.

Times: queries are at 7 seconds past a multiple of 10, subqueries inside at multiples of 10. Ranges of
subqueries are chosen so that their left ends meet no evaluation (see `data.py` for the reason).
"""
from data import BITS, METRICS, TARGET, VALUES

EXACT, SAME, NEAR = 0, 1, 2
MAX_BITS = 50
#: What may stand in the durations of range selectors; any whole second will do.
WINDOWS = ["31s", "45s", "1m", "2m", "5m", "7m13s", "10m", "30m", "1h"]


class Expression:
    """Text with what is known of its values. `key`: labels that tell its series apart."""

    def __init__(self, text, level=EXACT, labels=frozenset(), key=frozenset(), *, bits=BITS,
                 crosses_zero=True, atom=True, name=None, scalar=False, special=False):
        self.text = text
        self.level = level
        self.labels = labels
        self.key = key
        self.bits = bits
        #: Whether a tiny error could turn it negative or make it a divisor of another size.
        self.crosses_zero = crosses_zero
        self.atom = atom
        self.name = name
        self.scalar = scalar
        #: Whether NaN or infinities occur.
        self.special = special
        self.ordered = False
        self.ties = False

    @property
    def operand(self):
        return self.text if self.atom else f"({self.text})"

    @property
    def exact(self):
        return self.level < NEAR

    def derived(self, text, **changes):
        copy = Expression(text, self.level, self.labels, self.key, bits=self.bits,
                          crosses_zero=self.crosses_zero, scalar=self.scalar,
                          special=self.special)
        for name, value in changes.items():
            setattr(copy, name, value)
        if copy.level == EXACT and copy.bits > MAX_BITS:
            copy.level = SAME
        return copy


class Generator:
    """Expressions out of a seeded random source."""

    def __init__(self, rng, start, end):
        self.rng = rng
        #: Seconds that the samples span.
        self.start, self.end = start, end

    # Times

    def moment(self):
        """A time of a query: 7 seconds past a multiple of 10, mostly where samples are."""
        return self.rng.randrange(self.start - 600, self.end + 900, 10) + 7

    def at_modifier(self, weight=0.06):
        if self.rng.random() > weight:
            return ""
        return self.rng.choice([f" @ {self.moment()}", " @ start()", " @ end()"])

    def offset(self, weight=0.12):
        if self.rng.random() > weight:
            return ""
        return f" offset {self.rng.choice(['', '-'])}{self.rng.choice(['10s', '50s', '1m', '5m', '20m'])}"

    def modifiers(self, may_pin=True):
        parts = [self.at_modifier() if may_pin else "", self.offset()]
        self.rng.shuffle(parts)
        return "".join(parts)

    # Selectors

    def metric(self, kinds=None):
        return self.rng.choice([m for m in METRICS if not kinds or m.kind in kinds])

    def matchers(self, metric):
        rng, parts = self.rng, []
        while rng.random() < 0.3:
            name = rng.choice(sorted(metric.labels))
            value = rng.choice(VALUES[name])
            kind = rng.random()
            if kind < 0.4:
                parts.append(f"{name}={self.string(value)}")
            elif kind < 0.55:
                parts.append(f"{name}!={self.string(value)}")
            elif name == "odd":
                continue
            else:
                pattern = rng.choice([
                    "|".join(rng.sample(VALUES[name], 2) if len(VALUES[name]) > 1 else [value]),
                    value[:-1] + ".", ".*" + value[1:], value[:1] + ".*", ".+", ".*",
                    "(?i)" + value.upper(), "[a-d].*", "", "[^0-9]+.*", "nothing"])
                pattern = pattern.replace("+Inf", "[+]Inf")
                parts.append(f"{name}{rng.choice(['=~', '!~'])}{self.string(pattern)}")
        if rng.random() < 0.05:
            parts.append(rng.choice(['nope=""', 'nope!=""', 'nope=~".+"', 'nope!~"x"']))
        return parts

    @staticmethod
    def string(text):
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    def selector_text(self, metric):
        parts = self.matchers(metric)
        if self.rng.random() < 0.08:
            parts.insert(0, f'__name__="{metric.name}"')
            return "{" + ", ".join(parts) + "}"
        return metric.name + ("{" + ",".join(parts) + "}" if parts else "")

    def of_metric(self, metric, text):
        return Expression(text, EXACT, metric.labels, metric.key, name=metric.name,
                          special=metric.kind == "odd",
                          crosses_zero=metric.name in ("diff_temperature", "diff_odd"))

    def selector(self, kinds=None):
        metric = self.metric(kinds)
        return self.of_metric(metric, self.selector_text(metric) + self.modifiers())

    # Vectors

    def vector(self, depth, most=NEAR, inner=False):
        """An instant vector of at most that level; `inner` inside a subquery."""
        rng = self.rng
        if depth <= 0:
            return self.selector()
        makers = [(3, self.selector_of), (6, self.over_time), (5, self.aggregation),
                  (4, self.with_scalar), (4, self.matched), (2, self.comparison), (2, self.set_operation),
                  (3, self.function), (1, self.relabelled), (1, self.small), (1, self.timestamp),
                  (1, self.negated)]
        if most == NEAR:
            makers += [(4, self.rate), (2, self.quantile_of_histogram)]
        for _ in range(20):
            maker = rng.choices([m for _, m in makers], [w for w, _ in makers])[0]
            made = maker(depth, most, inner)
            if made is not None and made.level <= most:
                return made
        return self.selector()

    def selector_of(self, depth, most, inner):
        return self.selector()

    def negated(self, depth, most, inner):
        one = self.vector(depth - 1, most, inner)
        if " or " in one.text:
            return None
        return one.derived("-" + one.operand, atom=False, crosses_zero=True)

    def range_of(self, depth, inner, kinds=None, most=NEAR, may_pin=True):
        """A range vector: its text, the expression inside, its length in seconds."""
        rng = self.rng
        if depth > 1 and rng.random() < 0.25:
            one = self.vector(depth - 2, most, inner=True)
            at = self.at_modifier() if may_pin else ""
            # The evaluations inside are at multiples of 10; the left end must not be one.
            seconds = rng.randrange(60, 1500, 10) + (3 if inner and not at else 0)
            step = rng.choice(["10s", "20s", "30s", "1m", "90s", ""])
            return f"{one.operand}[{self.duration(seconds)}:{step}]{at}{self.offset()}", one
        metric = self.metric(kinds)
        text = f"{self.selector_text(metric)}[{rng.choice(WINDOWS)}]{self.modifiers(may_pin)}"
        return text, self.of_metric(metric, text)

    def duration(self, seconds):
        if seconds % 60 == 0 and self.rng.random() < 0.5:
            return f"{seconds // 60}m"
        return f"{seconds // 60}m{seconds % 60}s" if seconds > 60 and seconds % 60 else f"{seconds}s"

    def over_time(self, depth, most, inner):
        rng = self.rng
        name = rng.choice(["count", "min", "max", "last", "present", "sum", "changes", "resets",
                           "avg", "stddev", "stdvar", "quantile", "idelta", "delta", "deriv",
                           "predict_linear", "absent"])
        needs_same = name in ("changes", "resets")
        kinds = {"gauge", "flag", "counter", "bucket"} if name in (
            "stddev", "stdvar", "delta", "deriv", "predict_linear", "avg", "idelta") else None
        text, one = self.range_of(depth, inner, kinds, min(most, SAME) if needs_same else most,
                                  may_pin=name != "predict_linear")
        if kinds and one.special or one.bits > 30 and name in ("stddev", "stdvar"):
            return None
        call = name if name in ("changes", "resets", "idelta", "delta", "deriv",
                                "predict_linear") else name + "_over_time"
        special = one.special
        if name == "quantile":
            quantile = rng.choice(['0.37', '0.913', '0', '1', '-1', '2'])
            special = special or quantile in ("-1", "2")
            made = f"quantile_over_time({quantile}, {text})"
        elif name == "predict_linear":
            made = f"predict_linear({text}, {rng.choice(['600', '-300', '3600'])})"
        else:
            made = f"{call}({text})"
        if name == "absent":
            return Expression(made, EXACT, one.labels, frozenset(), crosses_zero=False)
        levels = {"count": EXACT, "present": EXACT, "changes": EXACT, "resets": EXACT,
                  "min": one.level, "max": one.level, "last": one.level,
                  "sum": EXACT if one.level == EXACT else NEAR,
                  "idelta": one.level if one.level < NEAR else NEAR}
        level = levels.get(name, NEAR)
        keeps = name == "last"
        positive = name in ("count", "present", "changes", "resets", "stddev", "stdvar")
        return one.derived(made, level=level, bits=one.bits + 8, special=special,
                           crosses_zero=not positive and (one.crosses_zero or name in (
                               "idelta", "delta", "deriv", "predict_linear", "quantile")),
                           name=one.name if keeps else None)

    def rate(self, depth, most, inner):
        text, one = self.range_of(0, inner, {"counter", "bucket"})
        name = self.rng.choice(["rate", "rate", "increase", "irate"])
        return one.derived(f"{name}({text})", level=NEAR, crosses_zero=False, name=None)

    def grouping(self, one):
        """The text of by or without, and the labels left."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.25 or not one.labels:
            return "", frozenset()
        names = rng.sample(sorted(one.labels), rng.randint(0, min(3, len(one.labels))))
        if rng.random() < 0.1:
            names.append("nope")
        if kind < 0.7:
            return f" by ({', '.join(names)}) ", frozenset(names) & one.labels
        return f" without ({', '.join(names)}) ", one.labels - frozenset(names)

    def aggregation(self, depth, most, inner):
        rng = self.rng
        name = rng.choice(["sum", "sum", "min", "max", "count", "group", "avg", "stddev", "stdvar",
                           "quantile"])
        one = self.vector(depth - 1, most if name in ("min", "max", "count", "group") else NEAR, inner)
        if one.special and name in ("stddev", "stdvar", "avg"):
            return None
        if one.bits > 30 and name in ("stddev", "stdvar"):
            # The digits of times would all be needed for their mean.
            return None
        by, labels = self.grouping(one)
        quantile = rng.choice(["0.37", "0.913", "0", "1", "-1", "2"])
        parameter = f"{quantile}, " if name == "quantile" else ""
        special = one.special or name == "quantile" and quantile in ("-1", "2")
        body = f"({parameter}{one.text})"
        text = f"{name}{by}{body}" if rng.random() < 0.7 or not by else f"{name}{body}{by.rstrip()}"
        levels = {"min": one.level, "max": one.level, "count": EXACT, "group": EXACT,
                  "sum": EXACT if one.level == EXACT else NEAR}
        return one.derived(text, level=levels.get(name, NEAR), labels=labels, key=labels,
                           bits=one.bits + 7, name=None, scalar=False, special=special,
                           crosses_zero=name == "quantile" or one.crosses_zero and name not in (
                               "count", "group", "stddev", "stdvar"))

    # Operators

    def scalar(self, depth, most, inner):
        rng = self.rng
        kind = rng.random()
        if kind < 0.6 or depth <= 0:
            text, bits = rng.choice([("0", 1), ("1", 1), ("2", 2), ("-3", 2), ("0.5", 2), ("1e3", 10),
                                     ("0x1F", 5), ("100.25", 10), ("-0.125", 3), ("Inf", 1),
                                     ("NaN", 1), ("-Inf", 1)])
            return Expression(text, EXACT, bits=bits + 3, scalar=True,
                              atom=text[0] != "-", special=text[-1] in "fN",
                              crosses_zero=text[0] in "-0")
        if kind < 0.7:
            return Expression("time()", EXACT, bits=34, scalar=True, crosses_zero=False)
        if kind < 0.75:
            return Expression("pi()", SAME, scalar=True, crosses_zero=False)
        if kind < 0.9:
            one = self.vector(depth - 1, most, inner)
            by = f"sum({one.text})" if one.level == EXACT else f"max({one.text})"
            return one.derived(f"scalar({by})", bits=one.bits + 7, scalar=True, name=None,
                               labels=frozenset(), key=frozenset(), special=True)
        a, b = self.scalar(depth - 1, min(most, SAME), inner), self.scalar(depth - 1, min(most, SAME), inner)
        return self.arithmetic(a, b, rng.choice(["+", "-", "*", "/", "%"]), "")

    def arithmetic(self, a, b, operator, matching):
        """a op b with the level of the result; None when rounding could decide it."""
        if operator == "^" and (a.level == NEAR and a.crosses_zero or b.level == NEAR):
            return None
        if operator == "%" and max(a.level, b.level) == NEAR:
            return None
        if operator in ("/", "atan2") and b.level == NEAR and b.crosses_zero:
            return None
        # What is near and nearly cancels has no digits that can be compared, only an absolute size.
        worst = max(a.level, b.level)
        level = worst
        bits = max(a.bits, b.bits) + 1
        if operator == "*":
            bits = a.bits + b.bits
        elif operator in ("/", "%"):
            level = max(worst, SAME)
        elif operator in ("^", "atan2"):
            level = NEAR
        special = a.special or b.special or operator in "/%^"
        # Infinities of both signs meet whatever the order: sums of them stay exact.
        crosses = operator in ("-", "%", "atan2") or a.crosses_zero or b.crosses_zero
        text = f"{a.operand} {operator}{matching} {b.operand}"
        if operator == "atan2" and not (a.scalar and b.scalar):
            # Prometheus 2 leaves the metric's name; another operator takes it away.
            text = f"0 + ({text})"
        result = (a if not a.scalar else b).derived(
            text, level=level, bits=bits,
            crosses_zero=crosses, atom=False, name=None, special=special,
            scalar=a.scalar and b.scalar)
        return result

    def with_scalar(self, depth, most, inner):
        rng = self.rng
        a, b = self.vector(depth - 1, most, inner), self.scalar(depth - 1, most, inner)
        if rng.random() < 0.4:
            a, b = b, a
        return self.arithmetic(a, b, rng.choice(["+", "-", "*", "/", "/", "%", "^", "atan2"]), "")

    def pair(self, depth, most, inner, may_miss=True):
        """Two vectors and a matching that mostly fits: text, and the labels of the result."""
        rng = self.rng
        a, b = self.vector(depth - 1, most, inner), self.vector(depth - 1, most, inner)
        if rng.random() < 0.25:
            metric = self.metric({"gauge", "counter", "flag"})
            a, b = (self.of_metric(metric, self.selector_text(metric) + self.offset(0.5))
                    for _ in "ab")
        if may_miss and rng.random() < 0.06:
            names = sorted(rng.sample(TARGET, 2))
            return a, b, f" {rng.choice(['on', 'ignoring'])} ({', '.join(names)})", a.labels, a.key
        if a.labels == b.labels and a.key == b.key and a.labels:
            kind = rng.random()
            if kind < 0.4:
                return a, b, "", a.labels, a.key
            if kind < 0.6:
                return a, b, " ignoring (nope)", a.labels, a.key
            return a, b, f" on ({', '.join(sorted(a.labels))})", a.labels, a.key
        if a.labels == b.labels:
            return a, b, "", a.labels, a.key | b.key
        common = a.labels & b.labels
        on = f" on ({', '.join(sorted(common))})"
        if b.key <= common:
            extra = sorted(b.labels - common)
            group = f" group_left ({', '.join(extra) if rng.random() < 0.5 else ''})"
            return a, b, on + group, a.labels | b.labels if extra else a.labels, a.key
        if a.key <= common:
            return a, b, on + " group_right ()", b.labels, b.key
        return None

    def matched(self, depth, most, inner):
        found = self.pair(depth, most, inner)
        if found is None:
            return None
        a, b, matching, labels, key = found
        result = self.arithmetic(a, b, self.rng.choice(["+", "-", "*", "/", "%", "^"]), matching)
        if result is not None:
            result.labels, result.key = labels, key
        return result

    COMPARISONS = ["==", "!=", ">", "<", ">=", "<="]

    def comparison(self, depth, most, inner):
        rng = self.rng
        operator = rng.choice(self.COMPARISONS)
        wants_bool = rng.random() < 0.35
        text = operator + (" bool" if wants_bool else "")
        if rng.random() < 0.5:
            a, b = self.vector(depth - 1, SAME, inner), self.scalar(depth - 1, SAME, inner)
            if b.level == NEAR:
                return None
            if rng.random() < 0.3:
                # The vector's values are kept whichever side it is on.
                made = f"{b.operand} {text} {a.operand}"
            else:
                made = f"{a.operand} {text} {b.operand}"
            result = a.derived(made, atom=False)
        else:
            # Whether a pair that is filtered away counts as a second match has changed.
            found = self.pair(depth, SAME, inner, may_miss=wants_bool)
            if found is None:
                return None
            a, b, matching, labels, key = found
            result = a.derived(f"{a.operand} {text}{matching} {b.operand}", atom=False,
                               labels=labels, key=key, special=a.special or b.special)
            if "group_right" in matching:
                result.level, result.bits = max(a.level, b.level), max(a.bits, b.bits)
        if wants_bool:
            result.level, result.bits, result.crosses_zero = EXACT, 4, False
        return result

    def set_operation(self, depth, most, inner):
        rng = self.rng
        a, b = self.vector(depth - 1, most, inner), self.vector(depth - 1, most, inner)
        operator = rng.choice(["and", "or", "unless"])
        common = sorted(a.labels & b.labels)
        matching = ""
        if rng.random() < 0.7:
            names = rng.sample(common, rng.randint(0, len(common)))
            matching = f" {rng.choice(['on', 'on', 'ignoring'])} ({', '.join(names)})"
        result = a.derived(f"{a.operand} {operator}{matching} {b.operand}", atom=False, name=None)
        if operator == "or":
            result.level, result.bits = max(a.level, b.level), max(a.bits, b.bits)
            result.labels = a.labels | b.labels
            result.key = result.labels
            result.special = a.special or b.special
            result.crosses_zero = a.crosses_zero or b.crosses_zero
        return result

    # Functions

    def function(self, depth, most, inner):
        rng = self.rng
        name = rng.choice(["abs", "ceil", "floor", "round", "sgn", "clamp", "clamp_min", "clamp_max",
                           "sqrt", "exp", "ln", "log2", "log10", "sin", "cos", "tan", "asin", "acos",
                           "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad",
                           "date"])
        if name == "date":
            part = rng.choice(["hour", "minute", "month", "year", "day_of_month", "day_of_week",
                               "day_of_year", "days_in_month"])
            if rng.random() < 0.3:
                return Expression(f"{part}()", EXACT, crosses_zero=False)
            one = self.timed()
            return one.derived(f"{part}(timestamp({one.text}))", name=None, special=False,
                               crosses_zero=False)
        smooth = name in ("abs", "clamp", "clamp_min", "clamp_max", "atan", "tanh", "asinh", "deg",
                          "rad")
        one = self.vector(depth - 1, most if smooth else SAME, inner)
        arguments = {"clamp": f", {rng.choice(['-10, 50', '5, 1', '0, 1000'])}",
                     "clamp_min": f", {rng.choice(['-10', '5', '1e3'])}",
                     "clamp_max": f", {rng.choice(['-10', '5', '1e3'])}",
                     "round": rng.choice(["", ", 5", ", 0.25", ", 0.3"])}.get(name, "")
        if name in ("sinh", "cosh"):
            # Go's are infinite before e^x / 2 is.
            one = one.derived(f"clamp({one.text}, -700, 700)")
        keeps = name in ("abs", "ceil", "floor", "sgn", "clamp", "clamp_min", "clamp_max")
        level = one.level if keeps else SAME if name in ("sqrt", "round") else NEAR
        crosses = name not in ("abs", "sqrt", "exp", "cosh") and (
            one.crosses_zero or name in ("sin", "cos", "tan", "ln", "log2", "log10"))
        return one.derived(f"{name}({one.text}{arguments})", level=level, name=None,
                           crosses_zero=crosses,
                           special=one.special or name not in ("abs", "ceil", "floor", "sgn"))

    def timed(self):
        """A selector for `timestamp`: with `@`, Prometheus leaves out `offset`."""
        metric = self.metric()
        return self.of_metric(metric, self.selector_text(metric) + (
            self.at_modifier() or self.offset()))

    def timestamp(self, depth, most, inner):
        if self.rng.random() < 0.7:
            one = self.timed()
        else:
            one = self.aggregation(depth, most, inner) or self.rate(depth, most, inner)
        # Milliseconds are no multiple of 1/8.
        return one.derived(f"timestamp({one.text})", level=SAME, bits=40, name=None, special=False,
                           crosses_zero=False)

    def relabelled(self, depth, most, inner):
        rng = self.rng
        one = self.vector(depth - 1, most, inner)
        names = sorted(one.labels) or ["nope"]
        source = rng.choice(names)
        if rng.random() < 0.6:
            pattern, replacement = rng.choice([
                ("(.*)", "$1"), ("(.*)", "x-$1-$1"), ("host-(.+):.*", "$1"), ("(.)(.*)", "${2}_$1"),
                ("nothing", "y"), ("", "empty"), ("(?P<all>.+)", "$all"), ("([a-z]+).*", "$1$2$$")])
            if source == "odd":
                pattern, replacement = "plain", "simple"
            text = f'label_replace({one.text}, "made", "{replacement}", "{source}", "{pattern}")'
        else:
            text = f'label_join({one.text}, "made", "{rng.choice(["-", "", ", "])}", ' \
                   f'"{source}", "{rng.choice(names)}", "nope")'
        return one.derived(text, labels=one.labels | {"made"}, name=one.name)

    def small(self, depth, most, inner):
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            one = self.scalar(depth - 1, most, inner)
            return one.derived(f"vector({one.text})", scalar=False)
        if kind < 0.8:
            one = self.selector()
            return Expression(f"absent({one.text})", EXACT, one.labels, crosses_zero=False)
        one = self.vector(depth - 1, most, inner)
        return Expression(f"absent({one.text})", EXACT, one.labels, crosses_zero=False)

    def quantile_of_histogram(self, depth, most, inner):
        rng = self.rng
        metric = self.metric({"bucket"})
        window = f"[{rng.choice(WINDOWS)}]"
        text = f"rate({self.selector_text(metric)}{window}{self.modifiers()})"
        labels = metric.labels
        if rng.random() < 0.6:
            by = sorted(set(rng.sample(TARGET, rng.randint(0, 3))) | {"le"})
            text, labels = f"sum by ({', '.join(by)}) ({text})", frozenset(by)
        elif rng.random() < 0.3:
            text = self.selector_text(metric)
        quantile = rng.choice(["0.37", "0.913", "0.9771", "-1", "2", "0.0137"])
        return Expression(f"histogram_quantile({quantile}, {text})", NEAR, labels - {"le"},
                          (labels & metric.key) - {"le"}, special=True, crosses_zero=False)

    # Queries

    def query(self, is_range):
        """An expression as a query of its own: what cannot be part of another is here."""
        rng = self.rng
        depth = rng.choice([0, 1, 1, 2, 2, 2, 3, 3, 4])
        kind = rng.random()
        if kind < 0.04:
            return self.scalar(2, NEAR, False)
        if kind < 0.05 and not is_range:
            return Expression(self.string(rng.choice(VALUES["odd"])), scalar=True)
        if kind < 0.08 and not is_range:
            text, one = self.range_of(2, False)
            return one.derived(text)
        one = self.vector(depth, SAME if kind < 0.2 else NEAR)
        if kind < 0.14:
            name = rng.choice(["topk", "bottomk"])
            by, labels = self.grouping(one)
            made = one.derived(f"{name}{by}({rng.choice([1, 2, 3, 10, 0])}, {one.text})")
            made.ties = True
            return made
        if kind < 0.17:
            by, labels = self.grouping(one)
            if is_range and " by " in by:
                # Prometheus 2 loses labels after the first step.
                by = ""
            return one.derived(f'count_values{by}("value", {one.text})', level=EXACT)
        if kind < 0.2 and not is_range:
            made = one.derived(f"{rng.choice(['sort', 'sort_desc'])}({one.text})")
            made.ordered = True
            return made
        return one
