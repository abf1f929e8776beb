# SPDX-License-Identifier: Apache-2.0
"""Whether two answers are the same."""

RELATIVE = 1e-9
ABSOLUTE = 1e-9


def same_number(a, b, exact):
    a, b = float(a), float(b)
    if a != a or b != b:
        return a != a and b != b
    if a == b:
        return True
    if exact or a in (float("inf"), float("-inf")) or b in (float("inf"), float("-inf")):
        return False
    return abs(a - b) <= max(RELATIVE * max(abs(a), abs(b)), ABSOLUTE)


def points(entry):
    return entry["values"] if "values" in entry else [entry["value"]]


def by_labels(result):
    return {tuple(sorted(entry["metric"].items())): entry for entry in result}


def by_time(result):
    """The values at each time, in order: what topk leaves of series with equal values."""
    found = {}
    for entry in result:
        for time, value in points(entry):
            found.setdefault(time, []).append(float(value))
    return {time: sorted(values, key=lambda v: (v != v, v)) for time, values in found.items()}


def difference(ours, theirs, query):
    """None, or a sentence that says where the two differ."""
    (our_status, our_body), (their_status, their_body) = ours, theirs
    if our_status != their_status:
        return f"HTTP {our_status} ({our_body.get('error')}) != " \
               f"{their_status} ({their_body.get('error')})"
    if our_status != 200:
        return None
    our, their = our_body["data"], their_body["data"]
    if our["resultType"] != their["resultType"]:
        return f"type {our['resultType']} != {their['resultType']}"
    our, their = our["result"], their["result"]
    if their_body["data"]["resultType"] == "scalar":
        return None if same_number(our[1], their[1], query.exact) else f"{our} != {their}"
    if their_body["data"]["resultType"] == "string":
        return None if our == their else f"{our} != {their}"
    if query.ordered:
        pairs = list(zip((e["value"][1] for e in our), (e["value"][1] for e in their)))
        if not all(same_number(a, b, query.exact) for a, b in pairs):
            return f"order: {[a for a, _ in pairs][:8]} != {[b for _, b in pairs][:8]}"
    if query.ties:
        our, their = by_time(our), by_time(their)
        for time in sorted(our.keys() | their.keys()):
            a, b = our.get(time, []), their.get(time, [])
            if len(a) != len(b) or not all(same_number(x, y, query.exact) for x, y in zip(a, b)):
                return f"at {time}: {a[:8]} != {b[:8]}"
        return None
    return series_difference(by_labels(our), by_labels(their), query.exact)


def series_difference(our, their, exact):
    for labels in sorted(our.keys() | their.keys()):
        if labels not in their:
            return f"only ours has {dict(labels)} ({len(our)} and {len(their)} series)"
        if labels not in our:
            return f"only theirs has {dict(labels)} ({len(our)} and {len(their)} series)"
        a, b = points(our[labels]), points(their[labels])
        for x, y in zip(a, b):
            if x[0] != y[0]:
                return f"{dict(labels)}: a point at {x[0]} and at {y[0]}"
            if not same_number(x[1], y[1], exact):
                return f"{dict(labels)} at {x[0]}: {x[1]} != {y[1]}"
        if len(a) != len(b):
            return f"{dict(labels)}: {len(a)} != {len(b)} points"
    return None
