# SPDX-License-Identifier: Apache-2.0
"""Random rule files, templates and unit tests, the same for the same seed."""
import json
import random

GOOD = [
    "up", "up == 0", "sum by (job) (up)", "rate(up[4m55s]) > 0.5", "m{a=\"b\", c!~\"d.*\"} * 2",
    "absent(up{job=\"x\"})", "vector(1)", "1", "time()", "up offset 1m", "m and on (job) up",
    "m / ignoring (a) group_left () up", "topk(2, m)", "quantile_over_time(0.9, m[3m55s])",
    "histogram_quantile(0.9, rate(b_bucket[4m55s]))", "label_replace(up, \"x\", \"$1\", \"job\", \"(.*)\")",
    "max_over_time(m[9m55s:1m])", "up unless m", "-m", "(m)", "2 ^ 3", "m @ 60", "clamp(m, 1, 3)",
    "count_values(\"v\", m)", "{__name__=~\"u.\"}", "up > bool 1", "scalar(m)", "m % 3 + 1e3",
    "predict_linear(m[4m55s], 3600) < 0", "changes(m[4m55s])", "stddev(m) without (job)" if False
    else "stddev without (job) (m)", "\n  sum(\n    up\n  )\n", "up # a comment", "1 > bool 2",
]
BAD = [
    "sum(up", "up ==", "rate(up)", "up[5m", "foo{a=}", "sum by job (up)", "1 +", ")", "up up", "{}",
    "m{a=~\"(\"}", "nosuch(up)", "rate(up[5x])", "\"text", "up and 1", "topk(up)", "m[5m] + 1",
    "up offset", "sum(up) by", "a{b=\"c\",b}", "1 == 2", "up{", "label_replace(up)", "@ 5", "m @", "",
]
DURATIONS = ["0s", "30s", "5m", "1h30m", "1d", "1w2d", "0", "500ms"]
BAD_DURATIONS = ["5x", "-5m", "1m1h", "m", "5", "1.5m", "", "5 m"]
TEMPLATES = [
    "plain text", "{{ $labels.job }} is {{ $value }}", "{{ humanize $value }}",
    "{{ range query \"up\" }}{{ .Labels.job }}={{ .Value }} {{ end }}", "{{ if gt $value 1.0 }}a{{ end }}",
    "{{ with $labels.none }}x{{ else }}y{{ end }}", "{{ printf \"%.2f\" $value }}",
    "{{ $x := 5 }}{{ $x }}", "{{- /* c */ -}} z", "{{ .Labels }}", "{{ externalURL }}",
]
BAD_TEMPLATES = [
    "{{ $nope }}", "{{ nosuch 1 }}", "{{ if true }}", "{{ end }}", "{{ \"a }}", "{{ 1 | 2 }}", "{{",
    "{{ .Labels.job", "{{ template }}", "{{ else }}", "{{ }}", "{{ range }}{{ end }}", "{{ ( }}",
    "{{ break }}", "{{/* open }}",
]


def quoted(text):
    return json.dumps(text, ensure_ascii=False)


class Files:
    """Rule files, and whether a mistake was put in matters to nobody: both sides judge."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def pick(self, items):
        return self.rng.choice(items)

    def rule(self, index):
        rng = self.rng
        fields = {}
        if rng.random() < 0.5:
            fields["record"] = f"job:m{index}:sum"
            fields["expr"] = quoted(self.pick(GOOD))
            if rng.random() < 0.3:
                fields["labels"] = "{a: b, c: " + self.pick(["1", "true", "''", "~", "d"]) + "}"
        else:
            fields["alert"] = f"Alert{index}"
            fields["expr"] = quoted(self.pick(GOOD))
            if rng.random() < 0.5:
                fields["for"] = self.pick(DURATIONS)
            if rng.random() < 0.3:
                fields["keep_firing_for"] = self.pick(DURATIONS)
            if rng.random() < 0.6:
                fields["labels"] = "{severity: page, t: " + quoted(self.pick(TEMPLATES)) + "}"
            if rng.random() < 0.6:
                fields["annotations"] = "{summary: " + quoted(self.pick(TEMPLATES)) + "}"
        return fields

    def text(self, groups):
        lines = ["groups:"]
        for group in groups:
            first = "- "
            for key, value in group["head"]:
                lines.append(f"{first}{key}: {value}")
                first = "  "
            if group["rules"] is None:
                continue
            lines.append(f"{first}rules:")
            for rule in group["rules"]:
                first = "  - "
                for key, value in rule.items():
                    lines.append(f"{first}{key}: {value}")
                    first = "    "
        return "\n".join(lines) + "\n"

    def groups(self):
        result = []
        for i in range(self.rng.randint(1, 3)):
            head = [("name", f"g{i}")]
            if self.rng.random() < 0.4:
                head.append(("interval", self.pick(["30s", "1m", "5m", "0s"])))
            if self.rng.random() < 0.2:
                head.append(("limit", self.pick(["0", "10", "0x10", "1_000", "5.0"])))
            rules = [self.rule(j) for j in range(self.rng.randint(1, 4))]
            result.append({"head": head, "rules": rules})
        return result

    def file(self):
        groups = self.groups()
        if self.rng.random() < 0.4:
            return self.text(groups)
        return self.spoiled(groups)

    def spoiled(self, groups):
        rng = self.rng
        group = rng.choice(groups)
        rule = rng.choice(group["rules"])
        kind = rng.randrange(17)
        if kind == 0:
            rule["expr"] = quoted(self.pick(BAD))
        elif kind == 1:
            rule[self.pick(["expression", "name", "lables", "For"])] = "x"
        elif kind == 2:
            rule["for"] = quoted(self.pick(BAD_DURATIONS))
        elif kind == 3:
            rule["record"], rule["alert"] = "a", "b"
        elif kind == 4:
            rule.pop("record", None), rule.pop("alert", None)
        elif kind == 5:
            rule.pop("expr")
        elif kind == 6:
            groups.append({"head": [("name", "g0")], "rules": []})
        elif kind == 7:
            group["head"][0] = ("name", self.pick(['""', "~", "[a]"]))
        elif kind == 8:
            group["head"].append((self.pick(["color", "rule", "interval2"]), "1"))
        elif kind == 9:
            rule["labels"] = self.pick(["[a]", "{a: [b]}", "{__name__: x}", "x", "{a: {b: c}}", "{a: 1, a: 2}"])
        elif kind == 10:
            rule["annotations"] = "{a: " + quoted(self.pick(BAD_TEMPLATES)) + "}"
        elif kind == 11:
            rule["labels"] = "{a: " + quoted(self.pick(BAD_TEMPLATES)) + "}"
        elif kind == 12:
            group["head"].append(("limit", self.pick(["many", '"5"', "[1]", "1.5", "-1"])))
        elif kind == 13:
            rule["expr"] = self.pick(["[up]", "{a: b}", "~", "5", "true", "up: up"])
        elif kind == 14:
            group["rules"] = None
        elif kind == 15:
            return self.scratched(self.text(groups))
        else:
            group["head"].insert(0, ("interval", quoted(self.pick(BAD_DURATIONS))))
        return self.text(groups)

    def scratched(self, text):
        """A file with a few characters gone or put in, as an editor leaves them."""
        for _ in range(self.rng.randint(1, 3)):
            at = self.rng.randrange(len(text))
            if self.rng.random() < 0.5:
                text = text[:at] + text[at + 1:]
            else:
                text = text[:at] + self.pick(list("{}[]:,-\"'\t#&*|> \n")) + text[at:]
        return text


class Templates:
    """Templates made of pieces that fit together, mostly."""

    NUMBERS = ["$value", "1", "0.5", "1e9", "-3.25", "1234567.5", "(query \"up\" | first | value)",
               "(parseDuration \"1h\")", "(len $labels)", "\"12.5\"", "1024.0", "0.001", "86400.25"]
    TEXTS = ["$labels.job", "$labels.instance", "\"a-b.c:9\"", "\"Hello World\"", "`raw`", "$labels.none",
             "(print $value)", "\"\"", "\"<a&b>\""]
    TO_TEXT = ["humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp",
               "printf \"%.3g\"", "printf \"%v\"", "printf \"%8.2f\"", "print", "printf \"%d\"", "printf \"%s\""]
    ON_TEXT = ["toUpper", "toLower", "title", "len", "html", "urlquery", "js", "stripPort", "stripDomain",
               "printf \"%q\"", "printf \"%10s|\"", "printf \"%x\"", "match \"[a-m]+\"", "graphLink",
               "reReplaceAll \"([a-z])[.:]\" \"$1_\"", "safeHtml", "print \"x\"", "humanize"]
    CONDITIONS = ["gt $value 1.0", "eq $labels.job \"j\"", "and true $value", "or \"\" $labels.job", "not true",
                  "match \"j\" $labels.job", "lt (len $labels) 5", "ne 1 2", "query \"up\"", "query \"none\"",
                  "le $value 1e9", "ge 1 1", "$labels.none", "gt $value 1"]

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def pick(self, items):
        return self.rng.choice(items)

    def value(self, depth=0):
        kind = self.rng.randrange(4 if depth < 3 else 2)
        if kind == 0:
            return self.pick(self.NUMBERS)
        if kind == 1:
            return self.pick(self.TEXTS)
        if kind == 2:
            return f"({self.pick(self.TO_TEXT)} {self.pick(self.NUMBERS)})"
        return f"({self.value(depth + 1)} | {self.pick(self.ON_TEXT)})"

    def piece(self, depth=0):
        left = self.pick(["{{", "{{ ", "{{- "])
        right = self.pick(["}}", " }}", " -}}"])
        inner = "" if depth > 2 else self.piece(depth + 1)
        kind = self.rng.randrange(9)
        if kind < 4:
            return f"{left} {self.value()} {right}"
        if kind == 4:
            return f"{left} if {self.pick(self.CONDITIONS)} {right} yes {inner}{{{{ else }}}} no {{{{ end }}}}"
        if kind == 5:
            return f"{left} with {self.value()} {right} [{{{{ . }}}}] {inner}{{{{ else }}}}-{{{{ end }}}}"
        if kind == 6:
            what = self.pick(["$labels", "query \"up\"", "query \"none\"", "args 1 \"b\" 2.5"])
            return f"{left} range $k, $v := {what} {right}{{{{ $k }}}}:{{{{ $v }}}}{inner};{{{{ else }}}}empty{{{{ end }}}}"
        if kind == 7:
            return f"{left} $x := {self.value()} {right}{{{{ $x }}}}{inner}"
        return self.pick([" text ", "\n  line\n", "a{b}", "%"]) + inner

    def template(self):
        text = "".join(self.piece() for _ in range(self.rng.randint(1, 4)))
        if self.rng.random() < 0.15:
            at = self.rng.randrange(len(text) + 1)
            text = text[:at] + self.pick(list("{}()$.|\"'`-=,")) + text[at:]
        return text


class Tests:
    """Unit tests whose expectations are wrong on purpose, so that all results are printed."""

    def __init__(self, seed):
        self.rng = random.Random(seed)

    def values(self, count):
        rng, words, made = self.rng, [], 0
        while made < count:
            kind = rng.randrange(6)
            number = rng.choice([0, 1, 2, 5, 10, 0.5, -3])
            if kind == 0:
                words.append(str(number))
                made += 1
            elif kind == 1:
                n = rng.randint(1, 5)
                words.append(f"{number}{rng.choice(['+', '-'])}{rng.choice([1, 2, 0.25])}x{n}")
                made += n + 1
            elif kind == 2:
                n = rng.randint(1, 4)
                words.append(f"{number}x{n}")
                made += n + 1
            elif kind == 3 and words and not words[-1].startswith("_"):
                n = rng.randint(1, 3)
                words.append(rng.choice([f"_x{n}", "_"]))
                made += 1
            elif kind == 4 and rng.random() < 0.3:
                words.append("stale")
                made += 1
            else:
                words.append(rng.choice(["NaN", "1e3", "Inf", "-Inf"]) if rng.random() < 0.1 else str(number))
                made += 1
        return " ".join(words)

    def case(self):
        rng = self.rng
        series = []
        for name in ["up", "m"]:
            for job in ["a", "b"]:
                series.append((f'{name}{{job="{job}",instance="h{len(series)}:1"}}', self.values(24)))
        hold = rng.choice(["0s", "1m", "2m", "5m"])
        keep = rng.choice(["", "", "    keep_firing_for: 3m\n"])
        threshold = rng.choice([0, 1, 2])
        rules = (
            "groups:\n- name: one\n  rules:\n"
            "  - record: job:m:sum\n    expr: sum by (job) (m)\n    labels: {kind: sum}\n"
            f"  - alert: High\n    expr: m > {threshold}\n    for: {hold}\n{keep}"
            "    labels: {severity: '{{ if gt $value 3.0 }}page{{ else }}warn{{ end }}'}\n"
            "    annotations: {s: '{{ $labels.job }} {{ $value | humanize }} {{ $externalLabels.region }}'}\n"
            "- name: two\n  rules:\n"
            f"  - alert: Sum\n    expr: job:m:sum >= {threshold}\n    for: 1m\n"
            "  - record: r\n    expr: delta(up[2m55s])\n"
            + rng.choice(["", "", "  - record: x\n    expr: m\n    labels: {job: same, instance: same}\n"])
        )
        times = rng.sample(range(1, 12), 4)
        lines = ["rule_files: [rules.yaml]", f"evaluation_interval: {rng.choice(['1m', '30s'])}",
                 "group_eval_order: [one, two]", "tests:", "- interval: 1m", "  name: t",
                 "  external_labels: {region: eu}", "  input_series:"]
        for name, values in series:
            lines += [f"  - series: '{name}'", f"    values: '{values}'"]
        lines.append("  alert_rule_test:")
        for time in times:
            for name in ["High", "Sum", "None"]:
                lines += [f"  - eval_time: {time}m", f"    alertname: {name}",
                          "    exp_alerts: [{exp_labels: {never: seen}}]"]
        lines.append("  promql_expr_test:")
        for expr in ["job:m:sum", "r", "ALERTS", "ALERTS_FOR_STATE", "m", "count(up)", "sum(m) / 2", "x",
                     "max_over_time(m[3m55s])", "up ==", "time()"]:
            lines += [f"  - expr: {quoted(expr)}", f"    eval_time: {rng.choice(times)}m",
                      "    exp_samples: [{labels: 'never', value: 1}]"]
        return rules, "\n".join(lines) + "\n"
